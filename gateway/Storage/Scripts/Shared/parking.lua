-- Parks a run after an attempt that did not end it.
-- @include runs, history, index

-- Whether the attempt has already parked the run and repeats the call because it got no answer. Only the last attempt can have parked
-- the run.
local function is_parked_by(run, attempt, nonce)
  return run.state == 'waiting' and is_last_attempt(run, attempt, nonce)
end

-- keys  run, history, unlisted, due
-- run   with noted, expires and ix
-- entry  kind, text and why of the entry in the history
local function park(keys, run, run_id, attempt, due, now, entry)
  mark_for_index(keys, run, now)
  set_fields(run, 'state', 'waiting', 'owner', '', 'next', due)
  add_history(keys, run, now, entry.kind, attempt, due, entry.text, entry.why)
  write_fields(run, keys.run)
  redis.call('ZADD', keys.due, due, run_id)
  return {'parked', due}
end
