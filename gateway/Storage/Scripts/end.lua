-- Ends a run with its result.
-- @include runs, notices, idempotency, ending
-- @keys run, request, steps, pending, result, history, unlisted, due
-- @arg run_id
-- @arg attempt, owner, nonce  the attempt that ends the run
-- @arg state                  the final state
-- @arg record?                the result, sealed; without it the script only says whether the record is needed
-- @arg retention              how long the store keeps the run (ms)
-- @arg now
-- @arg expected_failures?     the number of failures that the caller assumes; any number if absent
-- @arg note                   on the attempt (AttemptNote.cs)
-- @arg why?                   what the service said, sealed
-- @arg tell_operators?        '1' if operators get a notice
-- @arg release_key?           '1' if the idempotency key is released
-- Answer: {'send'} the record is needed | {'ended'}, followed by now if another run invoked this one | {'failures', n} the caller
--   assumed another number | {'lost'} the attempt no longer owns the run, or the run has already ended
-- Invariant: a result is written once, together with the final state. An ended run is in no queue. All its keys expire, including its
-- idempotency key (in the same slot). A released key belongs to no run: the next request with the key begins a new run. The due queue
-- keeps one entry until the result is delivered to the run that invoked this one, and one until the notice is delivered. A caller that
-- got no answer may call again.
local run = read_fields(keys.run, 'state', 'attempt', 'owner', 'failures', 'by', 'nonce', 'idem', 'parent', 'ix', 'noted', 'expires',
  'steps', 'pends')
if run.by == args.attempt and (run.nonce or '0') == args.nonce and run.state == args.state then return {'ended'} end
if not is_owner(run, args.attempt, args.owner, args.nonce) then return {'lost'} end
local failures = count_of(run, 'failures')
if args.expected_failures and tonumber(args.expected_failures) ~= failures then return {'failures', failures} end
if not args.record then return {'send'} end
if run.parent then redis.call('ZADD', keys.due, args.now, 'p:' .. args.run_id) end
if args.tell_operators then add_notice(keys.due, 'f', args.now, args.run_id) end
redis.call('SET', keys.result, args.record, 'PX', args.retention)
set_fields(run, 'by', args.attempt)
end_run(keys, run, args.run_id, args.state, args.now, args.retention, 'e', args.attempt, args.state .. ' ' .. args.note,
  args.why)
if run.idem and args.release_key then
  release_idempotency_key(keys.run, args.run_id, run.idem)
elseif run.idem then
  redis.call('PEXPIRE', run.idem, args.retention)
end
if run.parent then return {'ended', args.now} end
return {'ended'}
