-- Has a step wait for something from outside, or answers its outcome.
-- @include runs, history, outcomes
-- @keys run, steps, pending, history, unlisted
-- @arg attempt, nonce  the attempt that the call comes from
-- @arg step
-- @arg max_steps       the most steps that the run may have
-- @arg kind            what the step waits for: 'e' an event, 'c' a callback, 'i' an invoked run
-- @arg give_up?        when it gives up; never, where absent
-- @arg since?          since when what it waits for counts; since the run's start, where absent
-- @arg now
-- @arg record          the outcome to store when it has given up, sealed
-- Answer: {'stored', value} | {'waiting', give-up ('' never), since, deadline of the run} | {'many'} | {'ended'} | {'superseded'} |
--   {'unknown'} | {'other'} the step is of another type
-- Invariant: the times are those of the first call. An outcome never changes. A step that waits is pending, never later than the run's
-- deadline.
local run = read_fields(keys.run, 'state', 'attempt', 'started', 'deadline', 'nonce')
local refused = refuse_step_call(run, args.attempt, args.nonce)
if refused then return refused end
local value = redis.call('HGET', keys.steps, args.step)
local give_up, since = args.give_up or '', args.since or run.started
if value then
  if has_outcome(value) then return {'stored', value} end
  if string.sub(value, 1, 2) ~= 'E' .. args.kind then return {'other'} end
  give_up, since = string.match(value, '^E%a:(%d*):(%d+)$')
elseif redis.call('HLEN', keys.steps) >= tonumber(args.max_steps) then
  return {'many'}
end
local answer
if give_up ~= '' and tonumber(give_up) <= tonumber(args.now) then
  answer = {'stored', store_outcome(keys, args.step, {kind = 'F', record = args.record, attempt = args.attempt, now = args.now})}
else
  if not value then
    add_history(keys, args.now, 'E', args.attempt, give_up == '' and 0 or give_up, args.step)
  end
  local due = give_up
  if due == '' or tonumber(due) > tonumber(run.deadline) then due = run.deadline end
  set_pending(keys, args.step, 'E' .. args.kind .. ':' .. give_up .. ':' .. since, due)
  answer = {'waiting', give_up, since, run.deadline}
end
expire_steps_with_run(keys)
return answer
