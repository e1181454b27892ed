-- Makes a waiting or ended run continue from a step, or with another outcome of a step.
-- @include runs, index, history, idempotency
-- @keys run, request, steps, pending, result, history, stream, stream_ids, unlisted, due
-- @arg run_id
-- @arg step
-- @arg outcome?     'C' or 'F': the kind of the new outcome; if absent, the run continues from the step
-- @arg record?      the new outcome, sealed
-- @arg now
-- @arg run_timeout  (ms)
-- @arg retention    (ms)
-- @arg note         for the history: the action and the operator
-- @arg calls*       id of each call of the service, and the name under which its repetitions are counted
-- Answer: {'done'} | {'unknown'} | {'running'} | {'step'} there is no such step, or none with an outcome
-- Invariant: the outcomes of other steps stay, except for later ones if the run continues from a step. The attempt number increases, so
-- that a late checkpoint of an earlier attempt cannot restore a dropped step. The run becomes due immediately, its result is deleted, and
-- no key expires before the run can end. A dropped step is executed again: it invokes another run, or its call gets another key (the field
-- 'again:<step>' counts, or 'again:<name>' for calls, because a call may get another id), and the service gets the URL of its callback
-- again (the step '<step> handed out' is also dropped). The run reclaims an idempotency key that was released, unless the key already
-- belongs to another run.
local run = read_fields(keys.run, 'state', 'attempt', 'idem', 'released', 'ix', 'noted', 'expires')
if not run.state or redis.call('EXISTS', keys.request) == 0 then return {'unknown'} end
if run.state == 'running' then return {'running'} end
local has_ended = not is_open(run.state)
local value = redis.call('HGET', keys.steps, args.step)
local kind, seq = string.match(value or '', '^([CF])(%d+):')
if not value or (args.outcome and not kind) then return {'step'} end

mark_for_index(keys, run, args.now)
local dropped = {}
local names = {}
for i = 1, #args.calls, 2 do names[args.calls[i]] = args.calls[i + 1] end
local function drop(step)
  redis.call('HDEL', keys.steps, step)
  redis.call('ZREM', keys.pending, step)
  dropped[step] = true
end

if args.outcome then
  redis.call('HSET', keys.steps, args.step, args.outcome .. seq .. ':' .. args.record)
else
  local steps = redis.call('HGETALL', keys.steps)
  for i = 1, #steps, 2 do
    local step = steps[i]
    local other_seq = string.match(steps[i + 1], '^[CF](%d+):')
    if not other_seq or (seq and tonumber(other_seq) >= tonumber(seq)) then
      drop(step)
      local name = names[step] or step
      if other_seq then set_fields(run, 'again:' .. name, (redis.call('HGET', keys.run, 'again:' .. name) or 0) + 1) end
      if other_seq or step == args.step then drop(step .. ' handed out') end
    end
  end
end
-- A dropped step frees the event that completed it.
local fields = redis.call('HGETALL', keys.run)
for i = 1, #fields, 2 do
  if string.sub(fields[i], 1, 6) == 'event:' and dropped[fields[i + 1]] then redis.call('HDEL', keys.run, fields[i]) end
end
local counts = {C = 0, F = 0}
local bytes = 0
local left = redis.call('HGETALL', keys.steps)
for i = 1, #left, 2 do
  local letter, number = string.match(left[i + 1], '^([CF])(%d+):')
  if letter then
    counts[letter] = counts[letter] + 1
    bytes = bytes + #left[i] + #left[i + 1] - #number - 2
  end
end
local attempt = count_of(run, 'attempt') + 1
set_fields(run, 'attempt', attempt, 'state', 'waiting', 'owner', '', 'next', args.now, 'failures', '0', 'bytes', bytes,
  'completed', counts.C, 'failed', counts.F, 'steps', #left / 2)
add_history(keys, run, args.now, 'o', attempt, 0, args.note)
if not has_ended then
  write_fields(run, keys.run)
  redis.call('HDEL', keys.run, 'paused')
  redis.call('ZADD', keys.due, args.now, args.run_id)
  return {'done'}
end
local now = tonumber(args.now)
local deadline = now + tonumber(args.run_timeout)
local lifetime = tonumber(args.run_timeout) + tonumber(args.retention)
set_fields(run, 'deadline', deadline, 'since', args.now, 'expires', now + lifetime)
write_fields(run, keys.run)
redis.call('HDEL', keys.run, 'paused', 'ended', 'by', 'woken')
redis.call('ZADD', keys.due, args.now, args.run_id)
redis.call('DEL', keys.result)
redis.call('ZREM', keys.due, 'p:' .. args.run_id)
for _, key in ipairs({keys.run, keys.request, keys.steps, keys.history, keys.stream, keys.stream_ids}) do
  redis.call('PEXPIRE', key, lifetime)
end
if run.idem then redis.call('PEXPIRE', run.idem, lifetime) end
if run.released then reclaim_idempotency_key(keys.run, run.released, lifetime, now) end
return {'done'}
