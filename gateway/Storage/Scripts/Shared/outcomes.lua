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

-- Makes the steps expire with the run. Redis drops the expiry of a hash with its last field, so the first step sets it again.
local function expire_steps_with_run(keys)
  if redis.call('HLEN', keys.steps) == 1 then redis.call('PEXPIRE', keys.steps, redis.call('PTTL', keys.run)) end
end

-- Makes a step pending until it is due.
local function set_pending(keys, step, value, due)
  redis.call('HSET', keys.steps, step, value)
  redis.call('ZADD', keys.pending, due, step)
  redis.call('PEXPIRE', keys.pending, redis.call('PTTL', keys.run))
end

-- Stores the outcome of a step, and returns the step's new value.
-- keys     run, steps, pending, history
-- outcome  kind: 'C' or 'F'; record; attempt: the attempt that the history names; now; entry: the kind of the history entry, if it
--          differs from the outcome's; why: the sealed reason, if the step failed
-- The script writes the outcome before the counts, so an interrupted call can be repeated.
local function store_outcome(keys, step, outcome)
  local value = outcome.kind .. redis.call('HINCRBY', keys.run, 'seq', 1) .. ':' .. outcome.record
  redis.call('HSET', keys.steps, step, value)
  redis.call('ZREM', keys.pending, step)
  redis.call('HSET', keys.run, 'failures', '0')
  redis.call('HINCRBY', keys.run, 'bytes', #step + #outcome.record)
  redis.call('HINCRBY', keys.run, outcome.kind == 'C' and 'completed' or 'failed', 1)
  add_history(keys, outcome.now, outcome.entry or outcome.kind, outcome.attempt, 0, step, outcome.why)
  return value
end
