-- Postpones a due run that got no place under its concurrency limit.
-- @include runs
-- @keys run, due
-- @arg run_id
-- @arg now
-- @arg next_try  when the run is due again if it gets no place earlier
-- Answer: when the run is due; '' if it is not due or no longer due
-- Invariant: a run that got a place in the meantime stays due: wake-queued.lua stores the number of the last attempt in the field 'turn'.
-- The number of an earlier attempt belongs to a turn that was used. A run is due at its deadline at the latest.
local score = redis.call('ZSCORE', keys.due, args.run_id)
if not score or tonumber(score) > tonumber(args.now) then return '' end
local run = read_fields(keys.run, 'state', 'attempt', 'turn', 'deadline')
if not run.state then return '' end
if run.turn then
  redis.call('HDEL', keys.run, 'turn')
  if run.turn == run.attempt then return score end
end
local due = limit_to_deadline(args.next_try, run.deadline, args.now)
if run.state == 'running' then
  -- The lease has expired. wake-queued.lua makes the run due, unless the attempt renews the lease first.
  redis.call('HSET', keys.run, 'postponed', run.attempt)
else
  redis.call('HSET', keys.run, 'next', due)
end
redis.call('ZADD', keys.due, due, args.run_id)
return due
