-- Records that the handler no longer fits the stored steps.
-- @include runs, history, notices
-- @keys run, history, due
-- @arg run_id
-- @arg attempt
-- @arg now
-- @arg count            the number of steps that do not fit; 0 for a note about a step, which is no mismatch
-- @arg what             the steps and the reason
-- @arg why?             the values that differ, sealed
-- @arg tell_operators?  '1' if operators get a notice of the first mismatch
-- Answer: 1 written, 0 the run is unknown
-- Invariant: the script does not recreate a run that has expired.
local run = read_fields(keys.run, 'state', 'mismatches', 'noted', 'expires')
if not run.state then return 0 end
if args.count ~= '0' then
  if args.tell_operators and not run.mismatches then add_notice(keys.due, 'm', args.now, args.run_id) end
  set_fields(run, 'mismatches', count_of(run, 'mismatches') + args.count)
end
add_history(keys, run, args.now, 'm', args.attempt, args.why and args.count .. ':' .. args.why or args.count, args.what)
write_fields(run, keys.run)
return 1
