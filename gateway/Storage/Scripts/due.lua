-- Names due runs of a shard, but for those whose routes have no room.
-- KEYS  1 due-queue of the shard
-- ARGV  1 now, 2 most runs to name, 3 most entries to look at, 4 prefix of the keys of runs, 5 the score to begin at ('' the head),
--       6 how many entries from there on to pass over, 7 most runs of one route to name, 8… routes without room
-- Answer {next, score, skip, n, route1, … routen, id1, route1, gate1, state1, id2, …}: when the next entry that is not due yet will be ('' for
--   none); where a look goes on that ended before the last due entry (as ARGV 5 and 6; '' where it did not); the routes of which runs were
--   passed over; the runs.
-- Reads only. The keys of runs are derived from the prefix, which has the hash tag of KEYS[1].
local room = {}
for i = 8, #ARGV do room[ARGV[i]] = 0 end
local most, limit = tonumber(ARGV[3]), 4 * tonumber(ARGV[2])
local entries = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[5] == '' and '-inf' or ARGV[5], ARGV[1], 'WITHSCORES', 'LIMIT', ARGV[6], most + 1)
local held, runs, seen = {}, {}, {}
-- Entries of one score are told apart by their number.
local score, passed = ARGV[5], tonumber(ARGV[6])
local rest, skip = '', 0
for i = 1, #entries, 2 do
  local id = entries[i]
  if entries[i + 1] ~= score then
    score, passed = entries[i + 1], 0
  end
  if i > 2 * most or #runs >= limit then
    rest, skip = score, passed
    break
  end
  passed = passed + 1
  local run = {}
  -- What is no run has no room to wait for.
  local errand = string.sub(id, 2, 2) == ':'
  if not errand then
    -- A key that is no run's is named without a route: whoever claims it finds out, and takes it off the queue.
    local found = redis.pcall('HMGET', ARGV[4] .. id, 'route', 'gate', 'state')
    if not found['err'] then run = found end
  end
  local route = run[1] or ''
  local left = errand and 1 or room[route] or tonumber(ARGV[7])
  if left > 0 then
    if not errand then room[route] = left - 1 end
    runs[#runs + 1] = id
    runs[#runs + 1] = route
    runs[#runs + 1] = run[2] or ''
    runs[#runs + 1] = run[3] or ''
  elseif not seen[route] then
    seen[route] = true
    held[#held + 1] = route
  end
end
local next = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
local answer = {next[2] or '', rest, skip, #held}
for _, route in ipairs(held) do answer[#answer + 1] = route end
for _, item in ipairs(runs) do answer[#answer + 1] = item end
return answer
