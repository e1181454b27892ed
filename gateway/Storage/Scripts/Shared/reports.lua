-- Reports on a step: stores its outcome, counts a failed try, or marks it as begun.
-- @include runs, history, outcomes, notices

-- keys    run, steps, pending, history, unlisted, due
-- run     with fell
-- args    those of step.lua
-- Returns the answer of step.lua. write_run_of_steps writes what changes.
local function report_step(keys, run, args)
  local refused = refuse_step_call(run, args.attempt, args.nonce)
  if refused then return refused end
  -- A run that is being created has no steps.
  local value = not run.is_new and redis.call('HGET', keys.steps, args.step)
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
  return answer
end
