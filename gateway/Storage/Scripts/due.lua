-- Names the due runs of a shard, but for those whose routes have no room.
-- KEYS  1 due-queue of the shard
-- ARGV  1 now, 2 most runs to name, 3 most entries to look at, 4 prefix of the keys of runs, 5… routes without room
-- Answer {next, more, n, route1, … routen, id1, route1, gate1, id2, route2, gate2, …}: when the next entry that is not due yet will be ('' for
--   none); 1 where entries that are due were left out for want of space; the routes without room that have runs here; the runs.
-- Reads only. The keys of runs are derived from the prefix, which has the hash tag of KEYS[1].
local room = {}
for i = 5, #ARGV do room[ARGV[i]] = false end
local entries = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, tonumber(ARGV[3]) + 1)
local more = 0
local held, runs, seen = {}, {}, {}
for i, id in ipairs(entries) do
  if i > tonumber(ARGV[3]) or #runs >= 3 * tonumber(ARGV[2]) then
    more = 1
    break
  end
  local run = redis.call('HMGET', ARGV[4] .. id, 'route', 'gate')
  local route = run[1] or ''
  if room[route] == nil then
    runs[#runs + 1] = id
    runs[#runs + 1] = route
    runs[#runs + 1] = run[2] or ''
  elseif not seen[route] then
    seen[route] = true
    held[#held + 1] = route
  end
end
local next = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
local answer = {next[2] or '', more, #held}
for _, route in ipairs(held) do answer[#answer + 1] = route end
for _, item in ipairs(runs) do answer[#answer + 1] = item end
return answer
