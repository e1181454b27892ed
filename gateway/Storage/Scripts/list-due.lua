-- Lists due runs of a shard, except for those whose routes have no room.
-- @keys due
-- @arg now
-- @arg max_runs       the most runs to list
-- @arg max_entries    the most entries to look at
-- @arg run_prefix     of the keys of runs
-- @arg from_score?    the score to begin at; the head of the queue, where absent
-- @arg skip           how many entries from there on to pass over
-- @arg max_per_route  the most runs of one route to list
-- @arg full_routes*   the routes without room
-- Answer: {next, score, skip, n, route1, … routen, id1, route1, limit1, state1, id2, …}: when the next entry that is not due yet will
--   be ('' for none); where the search goes on, where it ended before the last due entry (from_score and skip; '' where it did not); the
--   routes of which runs were passed over; the runs, each with its route, its concurrency limit and its state
-- Invariant: reads only. The keys of runs are derived from run_prefix, which has the hash tag of the queue.
local room = {}
for _, route in ipairs(args.full_routes) do room[route] = 0 end
local max_entries, max_items = tonumber(args.max_entries), 4 * tonumber(args.max_runs)
local entries = redis.call('ZRANGEBYSCORE', keys.due, args.from_score or '-inf', args.now, 'WITHSCORES', 'LIMIT', args.skip,
  max_entries + 1)
local held, runs, seen = {}, {}, {}
-- Entries of one score are told apart by their number.
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
    -- A key that is no run's is listed without a route: the node that claims it finds out, and takes it off the queue.
    local fields = redis.pcall('HMGET', args.run_prefix .. id, 'route', 'gate', 'state')
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
