-- Completes a step that waits for something from outside, and wakes its run.
-- @include runs, outcomes
-- @keys run, steps, pending, history, unlisted, due
-- @arg run_id
-- @arg step
-- @arg kind            what the step must be waiting for (see wait-for-delivery.lua)
-- @arg outcome         'C' completed | 'F' failed
-- @arg record?         the outcome, sealed; without it the script only says whether the record is needed
-- @arg now
-- @arg event?          the name of the event, where it is one
-- @arg told_attempt?   the attempt that the caller tells of it
-- Answer: {'woken'} | {'send'} the record is needed | {'used', give-up ('' never), since, deadline of the run} another step of the run
--   has taken the event | {'done'} the step has an outcome already | {'late'} it has given up | {'none'} nobody waits | {'ended'} |
--   {'unknown'}
-- Invariant: an outcome never changes. An event completes one step of a run. A waiting run that is woken is due at once; one whose
-- attempt is in flight and has not been told is due at once when the attempt suspends. The call can be repeated where a server died in
-- the middle of it: a run that was woken before its outcome was written finds the step waiting, and waits again.
local run = read_fields(keys.run, 'state', 'attempt', 'deadline')
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
if args.event then redis.call('HSET', keys.run, 'event:' .. args.event, args.step) end
if run.state == 'waiting' then
  redis.call('HSET', keys.run, 'next', args.now)
  redis.call('ZADD', keys.due, args.now, args.run_id)
elseif run.attempt ~= args.told_attempt then
  redis.call('HSET', keys.run, 'woken', run.attempt)
end
store_outcome(keys, args.step, {kind = args.outcome, record = args.record, attempt = run.attempt, now = args.now, entry = 'D'})
return {'woken'}
