-- Lists due runs of a shard, except those of routes without room.
-- @keys due
-- @arg now
-- @arg max_runs       the maximum number of runs to list
-- @arg max_entries    the maximum number of entries to read
-- @arg run_prefix     of the keys of runs
-- @arg from_score?    the score to begin at; the head of the queue if absent
-- @arg skip           the number of entries to skip from there
-- @arg max_per_route  the maximum number of runs to list for each route
-- @arg full_routes*   the routes without room
-- Answer: {next, score, skip, n, route1, … routen, id1, route1, limit1, state1, id2, …}
--   next              when the next entry becomes due that is not due yet; '' for none
--   score, skip       where the next call continues (from_score and skip); '' if this call reached the last due entry
--   n, route1, …      the routes whose runs were skipped
--   id1, …            the runs, each with its route, its concurrency limit and its state
-- Invariant: the script only reads. The keys of runs are derived from run_prefix, which has the hash tag of the queue.
local room = {}
for _, route in ipairs(args.full_routes) do room[route] = 0 end
local max_entries, max_items = tonumber(args.max_entries), 4 * tonumber(args.max_runs)
local entries = redis.call('ZRANGEBYSCORE', keys.due, args.from_score or '-inf', args.now, 'WITHSCORES', 'LIMIT', args.skip,
  max_entries + 1)
local held, runs, seen = {}, {}, {}
-- The number distinguishes entries of one score.
local score, passed = args.from_score or '', tonumber(args.skip)
local rest, skip = '', 0
for i = 1, #entries, 2 do
  local id = entries[i]
  if entries[i + 1] ~= score then
    score, passed = entries[i + 1], 0
  end
  if i > 2 * max_entries or #runs >= max_items then
    rest, skip = score, passed
    break
  end
  passed = passed + 1
  local run = {}
  -- An entry of the outbox has no route, so it does not wait for room.
  local is_outbox_entry = string.sub(id, 2, 2) == ':'
  if not is_outbox_entry then
    -- A key that does not hold a run is listed without a route. The node that claims it removes it from the queue.
    local fields = redis.pcall('HMGET', args.run_prefix .. id, 'route', 'limit', 'state')
    if not fields['err'] then run = fields end
  end
  local route = run[1] or ''
  local left = is_outbox_entry and 1 or room[route] or tonumber(args.max_per_route)
  if left > 0 then
    if not is_outbox_entry then room[route] = left - 1 end
    runs[#runs + 1] = id
    runs[#runs + 1] = route
    runs[#runs + 1] = run[2] or ''
    runs[#runs + 1] = run[3] or ''
  elseif not seen[route] then
    seen[route] = true
    held[#held + 1] = route
  end
end
local next = redis.call('ZRANGEBYSCORE', keys.due, '(' .. args.now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
local answer = {next[2] or '', rest, skip, #held}
for _, route in ipairs(held) do answer[#answer + 1] = route end
for _, item in ipairs(runs) do answer[#answer + 1] = item end
return answer
