-- Makes a step wait for an event, a callback or an invoked run, or returns its outcome.
-- @include runs, history, outcomes
-- @keys run, steps, pending, history, unlisted
-- @arg attempt, nonce  the attempt that the call comes from
-- @arg step
-- @arg max_steps       the maximum number of steps of the run
-- @arg kind            what the step waits for: 'e' an event, 'c' a callback, 'i' an invoked run
-- @arg give_up?        when the wait expires; never if absent
-- @arg since?          deliveries count from this time; from the run's start if absent
-- @arg now
-- @arg record          the outcome to store when the wait expires, sealed
-- Answer: {'stored', value} | {'waiting', give-up ('' never), since, deadline of the run} | {'many'} | {'ended'} | {'superseded'} |
--   {'unknown'} | {'other'} the step is of another type
-- Invariant: the first call sets the times. An outcome never changes. A waiting step is pending until the run's deadline at the latest.
local run = read_run_of_steps(keys.run, 'started')
local refused = refuse_step_call(run, args.attempt, args.nonce)
if refused then return refused end
local value = redis.call('HGET', keys.steps, args.step)
local give_up, since = args.give_up or '', args.since or run.started
if value then
  if has_outcome(value) then return {'stored', value} end
  if string.sub(value, 1, 2) ~= 'E' .. args.kind then return {'other'} end
  give_up, since = string.match(value, '^E%a:(%d*):(%d+)$')
elseif count_of(run, 'steps') >= tonumber(args.max_steps) then
  return {'many'}
end
local answer
if give_up ~= '' and tonumber(give_up) <= tonumber(args.now) then
  local outcome = {kind = 'F', record = args.record, attempt = args.attempt, now = args.now}
  answer = {'stored', store_outcome(keys, run, args.step, value, outcome)}
else
  if not value then
    add_history(keys, run, args.now, 'E', args.attempt, give_up == '' and 0 or give_up, args.step)
  end
  local due = give_up
  if due == '' or tonumber(due) > tonumber(run.deadline) then due = run.deadline end
  set_pending(keys, run, args.step, not value, 'E' .. args.kind .. ':' .. give_up .. ':' .. since, due)
  answer = {'waiting', give_up, since, run.deadline}
end
write_run_of_steps(keys, run)
return answer
