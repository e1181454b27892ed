-- Completes a step that waits for an event, a callback or an invoked run, and wakes its run.
-- @include runs, outcomes
-- @keys run, steps, pending, history, unlisted, due
-- @arg run_id
-- @arg step
-- @arg kind            the kind of the wait (see wait-for-delivery.lua)
-- @arg outcome         'C' completed | 'F' failed
-- @arg record?         the outcome, sealed; without it the script only says whether the record is needed
-- @arg now
-- @arg event?          the name of the event, if it is one
-- @arg told_attempt?   the attempt that the caller informs of the delivery
-- Answer: {'woken'} | {'send'} the record is needed | {'used', give-up ('' never), since, deadline of the run} another step of the run
--   has taken the event | {'done'} the step already has an outcome | {'late'} the wait has expired | {'none'} the step does not wait |
--   {'ended'} | {'unknown'}
-- Invariant: an outcome never changes. An event completes one step of a run. A waiting run becomes due immediately. If an attempt is in
-- flight and was not informed, its run becomes due when the attempt suspends. The call can be repeated if a server died during it: a run
-- that was woken before its outcome was written finds the step waiting, and waits again.
local run = read_run_of_steps(keys.run)
if not run.state then return {'unknown'} end
if not is_open(run.state) then return {'ended'} end
local value = redis.call('HGET', keys.steps, args.step)
if has_outcome(value) then return {'done'} end
if not value or string.sub(value, 1, 2) ~= 'E' .. args.kind then return {'none'} end
local give_up, since = string.match(value, '^E%a:(%d*):(%d+)$')
if give_up ~= '' and tonumber(give_up) <= tonumber(args.now) then return {'late'} end
if args.event then
  local taken_by = redis.call('HGET', keys.run, 'event:' .. args.event)
  if taken_by and taken_by ~= args.step then return {'used', give_up, since, run.deadline} end
end
if not args.record then return {'send'} end
if args.event then set_fields(run, 'event:' .. args.event, args.step) end
if run.state == 'waiting' then
  set_fields(run, 'next', args.now)
  redis.call('ZADD', keys.due, args.now, args.run_id)
elseif run.attempt ~= args.told_attempt then
  set_fields(run, 'woken', run.attempt)
end
store_outcome(keys, run, args.step, value, {kind = args.outcome, record = args.record, attempt = run.attempt, now = args.now, entry = 'D'})
write_run_of_steps(keys, run)
return {'woken'}
