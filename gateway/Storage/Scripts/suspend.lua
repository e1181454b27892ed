-- Parks a run until the first of its pending steps is due.
-- @include runs, parking
-- @keys run, pending, history, unlisted, due
-- @arg run_id
-- @arg attempt, owner, nonce  the attempt that suspends
-- @arg now
-- @arg note                   on the attempt (AttemptNote.cs); may be empty
-- Answer: {'parked', due} | {'nothing'} no step is pending | {'lost'} the attempt no longer owns the run
-- Invariant: a waiting run is in the due queue, never later than its deadline. A run that was woken during this attempt is due
-- immediately. A caller that got no answer may call again.
local run = read_fields(keys.run, 'state', 'attempt', 'owner', 'deadline', 'next', 'woken', 'nonce', 'ix', 'noted', 'expires')
if is_parked_by(run, args.attempt, args.nonce) then return {'parked', run.next} end
if not is_owner(run, args.attempt, args.owner, args.nonce) then return {'lost'} end
local due = args.now
if run.woken ~= run.attempt then
  local first = redis.call('ZRANGE', keys.pending, 0, 0, 'WITHSCORES')
  if not first[1] then return {'nothing'} end
  due = first[2]
end
if tonumber(due) > tonumber(run.deadline) then due = run.deadline end
return park(keys, run, args.run_id, args.attempt, due, args.now, {kind = 'z', text = args.note})
