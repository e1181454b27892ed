-- Cancels a run, even if an attempt owns it.
-- @include runs, ending
-- @keys run, request, steps, pending, history, unlisted, due
-- @arg run_id
-- @arg retention  how long the store keeps the run (ms)
-- @arg now
-- @arg who        who cancels the run; may be empty
-- Answer: 1 cancelled, 0 the run has already ended, -1 the run is unknown
-- Invariant: an ended run never changes. A cancelled run is in no queue. All its keys expire, including its idempotency key (in the same
-- slot). The due queue keeps an entry until the result is delivered to the run that invoked this one.
local run = read_fields(keys.run, 'state', 'attempt', 'idem', 'parent', 'ix', 'noted', 'expires', 'steps', 'pends')
if not run.state then return -1 end
if not is_open(run.state) then return 0 end
if run.parent then redis.call('ZADD', keys.due, args.now, 'p:' .. args.run_id) end
end_run(keys, run, args.run_id, 'cancelled', args.now, args.retention, 'c', run.attempt, args.who)
if run.idem then redis.call('PEXPIRE', run.idem, args.retention) end
return 1
