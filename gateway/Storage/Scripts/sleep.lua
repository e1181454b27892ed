-- Makes a step sleep until a time, or returns its outcome after that time.
-- @include runs, history, outcomes
-- @keys run, steps, pending, history, unlisted
-- @arg attempt, nonce  the attempt that the call comes from
-- @arg step
-- @arg max_steps       the maximum number of steps of the run
-- @arg due             when the sleep is over
-- @arg now
-- @arg record          the outcome to store when the sleep is over, sealed
-- Answer: {'stored', value} | {'scheduled', due} | {'beyond'} the sleep would end after the run's deadline | {'many'} | {'ended'} |
--   {'superseded'} | {'unknown'} | {'other'} the step is of another type
-- Invariant: the first call sets the time, and later attempts do not change it. An outcome never changes. A sleep that is over gets its
-- outcome here, or when the run is claimed.
local run = read_run_of_steps(keys.run)
local refused = refuse_step_call(run, args.attempt, args.nonce)
if refused then return refused end
local value = redis.call('HGET', keys.steps, args.step)
local due, record = args.due, args.record
if value then
  if has_outcome(value) then return {'stored', value} end
  if string.sub(value, 1, 1) ~= 'W' then return {'other'} end
  due = string.match(value, '^W(%d+)')
  local colon = string.find(value, ':', 1, true)
  if colon then record = string.sub(value, colon + 1) end
elseif tonumber(due) >= tonumber(run.deadline) and tonumber(due) > tonumber(args.now) then
  return {'beyond'}
elseif count_of(run, 'steps') >= tonumber(args.max_steps) then
  return {'many'}
end
local answer
if tonumber(due) <= tonumber(args.now) then
  answer = {'stored', store_outcome(keys, run, args.step, value, {kind = 'C', record = record, attempt = args.attempt, now = args.now})}
else
  if not value then add_history(keys, run, args.now, 'W', args.attempt, due, args.step) end
  set_pending(keys, run, args.step, not value, 'W' .. due .. ':' .. record, due)
  answer = {'scheduled', due}
end
write_run_of_steps(keys, run)
return answer
