-- Stores the outcome of a step, counts a failed try, or marks the step as begun.
-- @include runs, history, outcomes, notices
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
local refused = refuse_step_call(run, args.attempt, args.nonce)
if refused then return refused end
local value = redis.call('HGET', keys.steps, args.step)
local only_asks = args.report ~= 'P' and not args.record
if has_outcome(value) then return only_asks and {'stored'} or {'stored', value} end
local kind = value and string.sub(value, 1, 1)
if kind == 'W' or kind == 'E' then return {'other'} end
if not value and count_of(run, 'steps') >= tonumber(args.max_steps) then return {'many'} end
local tries = 0
if kind == 'P' then
  local count, by = string.match(value, '^P(%d+):(%d+)$')
  tries = tonumber(count)
  local due = redis.call('ZSCORE', keys.pending, args.step)
  if args.report == 'P' and by == args.attempt and due then return {'scheduled', due} end
end
if args.expected_tries and tonumber(args.expected_tries) ~= tries then return {'tries', tries} end
if only_asks then return {'send'} end
local begun = 'S' .. args.attempt .. ':' .. (args.execution or '')
local answer
if args.report == 'P' then
  local due = limit_to_deadline(args.next_try, run.deadline, args.now)
  set_pending(keys, run, args.step, not value, 'P' .. (tries + 1) .. ':' .. args.attempt, due)
  add_history(keys, run, args.now, 'P', args.attempt, due, args.step, args.why)
  record_failure(run, keys.due, args.run_id, args.now, args.stuck_after)
  answer = {'scheduled', due}
elseif args.report == 'S' and (kind ~= 'S' or value == begun) then
  set_step(run, args.step, not value, begun)
  if value then table.insert(run.no_longer_pending, args.step) end
  if value ~= begun then add_history(keys, run, args.now, 'S', args.attempt, 0, args.step) end
  answer = {'created'}
else
  local stored = store_outcome(keys, run, args.step, value,
    {kind = args.report == 'C' and 'C' or 'F', record = args.record, attempt = args.attempt, now = args.now, why = args.why})
  answer = args.report == 'S' and {'stored', stored} or {'created'}
end
if args.why then set_fields(run, 'why', '~' .. args.why) end
write_run_of_steps(keys, run)
return answer
