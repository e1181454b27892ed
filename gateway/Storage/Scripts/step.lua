-- Stores the outcome of a step, counts a failed try, or marks the step as begun.
-- @include outcomes, reports
-- @keys run, steps, pending, history, unlisted, due
-- @arg run_id
-- @arg attempt, nonce   the attempt that the call comes from
-- @arg step
-- @arg max_steps        the maximum number of steps of the run
-- @arg report           'C' completed | 'F' failed permanently | 'P' a try failed | 'S' a step that is executed at most once begins
-- @arg record?          the outcome, sealed; with 'S' the outcome to store if another execution began the step. Without it the script
--                       only says whether the record is needed
-- @arg next_try?        with 'P': when the next try is due
-- @arg expected_tries?  the number of failed tries that the caller assumes; any number if absent
-- @arg now
-- @arg stuck_after?     see notices.lua
-- @arg execution?       with 'S': the execution of the handler; absent if the service does not distinguish its executions
-- @arg why?             the reason of the failure, sealed
-- Answer: {'created'} | {'send'} the record is needed | {'scheduled', due} | {'stored', value}, without the value if the caller only
--   asks | {'tries', n} the caller assumed another number | {'many'} | {'ended'} | {'superseded'} | {'unknown'} | {'other'} the step is
--   of another type
-- Invariant: an outcome never changes. A superseded attempt writes nothing. An attempt counts at most one failed try of a step, even if
-- it repeats the call. Only one execution begins a step that is executed at most once.
local run = read_run_of_steps(keys.run, 'fell')
local answer = report_step(keys, run, args)
write_run_of_steps(keys, run)
return answer
