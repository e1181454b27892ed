-- Stores outcomes of steps. No other file does so.
-- @include runs, history
--
-- The value of a step in the hash of steps is one of:
--   P<tries>:<attempt>             the last try failed in this attempt; the step's score in the pending steps is when the next is due
--   S<attempt>:<execution>         an execution of a step that is executed at most once has begun
--   W<due>:<record>                the step sleeps until <due>; then the record becomes its outcome
--   E<kind>:<give-up>:<since>      the step waits: e for an event, c for a callback, i for an invoked run; it waits without a time limit
--                                  if <give-up> is empty
--   C<seq>:<record>                completed; <seq> is the order of the outcomes of the run
--   F<seq>:<record>                failed permanently
-- C and F never change, except by an operator (revise.lua).

local function has_outcome(value)
  local kind = value and string.sub(value, 1, 1)
  return kind == 'C' or kind == 'F'
end

-- Returns the script's answer if the caller may not write steps of the run, otherwise nil.
local function refuse_step_call(run, attempt, nonce)
  if not run.state then return {'unknown'} end
  if not is_open(run.state) then return {'ended'} end
  if not is_last_attempt(run, attempt, nonce) then return {'superseded'} end
  return nil
end

-- Prepares a run for the functions here.
local function run_of_steps(run)
  run.step_values, run.no_longer_pending, run.had_steps = {}, {}, count_of(run, 'steps')
  return run
end

-- Reads the fields of a run that the functions here need, and others.
local function read_run_of_steps(key, ...)
  local run = read_fields(key, 'state', 'attempt', 'nonce', 'deadline', 'expires', 'ix', 'noted', 'seq', 'bytes', 'completed', 'failed',
    'failures', 'steps', 'pends', ...)
  return run_of_steps(run)
end

-- Sets the value of a step, which write_run_of_steps writes.
local function set_step(run, step, is_new, value)
  if is_new then set_fields(run, 'steps', count_of(run, 'steps') + 1) end
  table.insert(run.step_values, step)
  table.insert(run.step_values, value)
end

-- Makes a step pending until it is due.
local function set_pending(keys, run, step, is_new, value, due)
  set_step(run, step, is_new, value)
  if not run.pends then set_fields(run, 'pends', '1') end
  redis.call('ZADD', keys.pending, due, step)
  redis.call('PEXPIREAT', keys.pending, run.expires)
end

-- Stores the outcome of a step, and returns the step's new value.
-- keys     run, steps, pending, history, unlisted
-- value    the current value of the step; nil for a new step
-- outcome  kind: 'C' or 'F'; record; attempt: the attempt that the history names; now; entry: the kind of the history entry, if it
--          differs from the outcome's; why: the sealed reason, if the step failed
local function store_outcome(keys, run, step, value, outcome)
  set_fields(run, 'seq', count_of(run, 'seq') + 1, 'bytes', count_of(run, 'bytes') + #step + #outcome.record)
  if count_of(run, 'failures') > 0 then set_fields(run, 'failures', '0') end
  local counter = outcome.kind == 'C' and 'completed' or 'failed'
  set_fields(run, counter, count_of(run, counter) + 1)
  local stored = outcome.kind .. run.seq .. ':' .. outcome.record
  set_step(run, step, not value, stored)
  if value then table.insert(run.no_longer_pending, step) end
  add_history(keys, run, outcome.now, outcome.entry or outcome.kind, outcome.attempt, 0, step, outcome.why)
  return stored
end

-- Writes the counts before the outcomes, so that a crash between the two cannot leave an outcome that a claim does not look for. Redis
-- drops the expiry of a hash with its last field, so the first step sets it again.
local function write_run_of_steps(keys, run)
  write_fields(run, keys.run)
  if #run.step_values == 0 then return end
  call_with_list('HSET', keys.steps, run.step_values)
  if run.had_steps == 0 then redis.call('PEXPIREAT', keys.steps, run.expires) end
  if run.pends then call_with_list('ZREM', keys.pending, run.no_longer_pending) end
end
