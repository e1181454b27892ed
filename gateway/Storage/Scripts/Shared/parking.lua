-- Parks a run after an attempt that did not end it.
-- @include runs, history, index

-- Whether the attempt has already parked the run and repeats the call because it got no answer. Only the last attempt can have parked
-- the run.
local function is_parked_by(run, attempt, nonce)
  return run.state == 'waiting' and is_last_attempt(run, attempt, nonce)
end

-- keys  run, history, due
-- entry  kind and text of the entry in the history
local function park(keys, run_id, attempt, due, now, entry)
  mark_for_index(keys, now)
  redis.call('HSET', keys.run, 'state', 'waiting', 'owner', '', 'next', due)
  redis.call('ZADD', keys.due, due, run_id)
  add_history(keys, now, entry.kind, attempt, due, entry.text)
  return {'parked', due}
end
