-- Claims a due run: its next attempt is due, or the lease of the last attempt has expired.
-- @include runs, index, history, outcomes
-- @keys run, request, steps, pending, history, unlisted, due
-- @arg run_id
-- @arg now
-- @arg lease_end
-- @arg owner, nonce       of the new attempt
-- @arg max_step_bytes     the maximum number of bytes of steps in the answer
-- @arg max_request_bytes  the maximum number of bytes of the request in the answer
-- Answer: {0} the run is not due or no longer exists; otherwise {1, attempt, v, failures, started, route, request, outcomes,
--   build, last event, due, unreachable since, noinline, sleeps, id1, step1, id2, step2, …}
--     request            only its head (RequestRecord.cs) if it is larger than max_request_bytes
--     outcomes           the number of stored outcomes
--     last event         the id of the last event of a resumable stream
--     due                the score in the queue
--     unreachable since  empty if the last attempt did not fail because the service was unreachable
--     noinline           whether the service refuses outcomes in headers
--     sleeps             the number of sleeps that this call completed
--     the steps          all steps if they fit into max_step_bytes, otherwise the smallest of the first 1,000
-- Invariant: the attempt number only increases. One node at a time claims a run. A run that no longer exists leaves the queue. A sleep
-- that is over gets its outcome, as if the handler had asked for it.
local score = redis.call('ZSCORE', keys.due, args.run_id)
if not score or tonumber(score) > tonumber(args.now) then return {0} end
local run = read_run_of_steps(keys.run, 'v', 'started', 'route', 'since', 'paused', 'build', 'lastid', 'away', 'noinline')
if not is_open(run.state) then
  redis.call('ZREM', keys.due, args.run_id)
  return {0}
end
mark_for_index(keys, run, args.now)
-- A paused run waits until its deadline, which ends it. If its node has died, the attempt is over.
if run.paused and tonumber(run.deadline) > tonumber(args.now) then
  set_fields(run, 'state', 'waiting', 'owner', '')
  write_fields(run, keys.run)
  redis.call('ZADD', keys.due, run.deadline, args.run_id)
  return {0}
end
local attempt = count_of(run, 'attempt') + 1
set_fields(run, 'attempt', attempt, 'state', 'running', 'owner', args.owner, 'nonce', args.nonce)
add_history(keys, run, args.now, 'a', attempt, 0, args.owner)
local sleeps = 0
if run.pends then
  for _, step in ipairs(redis.call('ZRANGEBYSCORE', keys.pending, '-inf', args.now)) do
    local value = redis.call('HGET', keys.steps, step) or ''
    local colon = string.sub(value, 1, 1) == 'W' and string.find(value, ':', 1, true)
    if colon then
      local record = string.sub(value, colon + 1)
      store_outcome(keys, run, step, value, {kind = 'C', record = record, attempt = attempt, now = args.now})
      sleeps = sleeps + 1
    end
  end
end
write_run_of_steps(keys, run)
redis.call('ZADD', keys.due, args.lease_end, args.run_id)
-- The new attempt asks again for any other step that is due, unless its handler no longer wants the step.
if run.pends then redis.call('ZREMRANGEBYSCORE', keys.pending, '-inf', args.now) end
local since, by = string.match(run.away or '', '^(%d+):(%d+)$')
if not since or tonumber(by) ~= attempt - 1 then since = '' end
local request = redis.call('GETRANGE', keys.request, 0, args.max_request_bytes)
if request == '' then
  request = false
elseif #request > tonumber(args.max_request_bytes) then
  local one, two, three = string.byte(request, 1, 3)
  request = string.sub(request, 1, 3 + one + 256 * two + 65536 * three)
end
local started = run.since or run.started
local answer = {1, attempt, run.v or false, run.failures or false, started or false, run.route or false, request,
  count_of(run, 'completed') + count_of(run, 'failed'), run.build or '', run.lastid or '', score, since, run.noinline or '', sleeps}
local bytes, left = count_of(run, 'bytes'), tonumber(args.max_step_bytes)
if count_of(run, 'steps') == 0 then return answer end
if bytes <= left then
  for _, item in ipairs(redis.call('HGETALL', keys.steps)) do answer[#answer + 1] = item end
  return answer
end
local sizes = {}
for i, step in ipairs(redis.call('HKEYS', keys.steps)) do
  if i > 1000 then break end
  sizes[i] = {redis.call('HSTRLEN', keys.steps, step) + #step, step}
end
table.sort(sizes, function(one, other) return one[1] < other[1] end)
for _, size in ipairs(sizes) do
  left = left - size[1]
  if left < 0 then break end
  answer[#answer + 1] = size[2]
  answer[#answer + 1] = redis.call('HGET', keys.steps, size[2])
end
return answer
