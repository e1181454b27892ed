-- Ends a run.
-- @include runs, history, index

-- keys  run, request, steps, pending, history, unlisted, due
-- run   with ix, noted, steps and pends
-- kind, text, why  of the entry in the history
local function end_run(keys, run, run_id, state, now, retention, kind, attempt, text, why)
  mark_for_index(keys, run, now)
  set_fields(run, 'state', state, 'owner', '', 'ended', now, 'expires', now + retention)
  add_history(keys, run, now, kind, attempt, 0, text, why)
  write_fields(run, keys.run)
  redis.call('ZREM', keys.due, run_id)
  redis.call('PEXPIRE', keys.run, retention)
  redis.call('PEXPIRE', keys.request, retention)
  if run.pends then redis.call('DEL', keys.pending) end
  if count_of(run, 'steps') > 0 then redis.call('PEXPIRE', keys.steps, retention) end
  if entries_in_list(count_of(run, 'noted')) > 0 then redis.call('PEXPIRE', keys.history, retention) end
end
