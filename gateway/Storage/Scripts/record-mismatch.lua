-- Records that the handler no longer fits the stored steps.
-- @include history, notices
-- @keys run, history, due
-- @arg run_id
-- @arg attempt
-- @arg now
-- @arg count            the number of steps that do not fit
-- @arg what             the steps and the reason
-- @arg tell_operators?  '1' if operators get a notice of the first mismatch
-- Answer: 1 written, 0 the run is unknown
-- Invariant: the script does not recreate a run that has expired.
if redis.call('EXISTS', keys.run) == 0 then return 0 end
if args.tell_operators and redis.call('HEXISTS', keys.run, 'mismatches') == 0 then add_notice(keys.due, 'm', args.now, args.run_id) end
redis.call('HINCRBY', keys.run, 'mismatches', args.count)
add_history(keys, args.now, 'm', args.attempt, args.count, args.what)
return 1
