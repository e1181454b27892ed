-- Parks a run after a failed attempt until the next attempt is due.
-- @include runs, notices, parking
-- @keys run, history, unlisted, due
-- @arg run_id
-- @arg attempt, owner, nonce  the attempt that failed
-- @arg expected_failures?     the number of failures that the caller assumes; if absent, this failure does not count
-- @arg next_attempt           when the next attempt is due
-- @arg now
-- @arg note                   on the attempt (AttemptNote.cs); may be empty
-- @arg why?                   what the service said, sealed
-- @arg stuck_after?           see notices.lua
-- @arg unreachable_since?     if the service could not be reached
-- Answer: {'parked', due} | {'failures', n} the caller assumed another number | {'lost'} the attempt no longer owns the run
-- Invariant: a waiting run is in the due queue, no later than a deadline in the future. A failure is counted once. The field 'away' is
-- '<since>:<attempt>' and applies to the next attempt only. A caller that got no answer may call again.
local run = read_fields(keys.run, 'state', 'attempt', 'owner', 'deadline', 'failures', 'next', 'nonce', 'ix', 'noted', 'expires', 'seq',
  'fell')
if is_parked_by(run, args.attempt, args.nonce) then return {'parked', run.next} end
if not is_owner(run, args.attempt, args.owner, args.nonce) then return {'lost'} end
if args.expected_failures then
  local failures = count_of(run, 'failures')
  if tonumber(args.expected_failures) ~= failures then return {'failures', failures} end
  set_fields(run, 'failures', failures + 1)
end
if args.expected_failures or args.unreachable_since then
  record_failure(run, keys.due, args.run_id, args.now, args.stuck_after)
end
if args.unreachable_since then set_fields(run, 'away', args.unreachable_since .. ':' .. args.attempt) end
local due = limit_to_deadline(args.next_attempt, run.deadline, args.now)
return park(keys, run, args.run_id, args.attempt, due, args.now, {kind = 'f', text = args.note, why = args.why})
