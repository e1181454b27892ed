-- Extends the lease of an attempt in flight.
-- @include runs
-- @keys run, due
-- @arg run_id
-- @arg attempt, owner, nonce  the attempt
-- @arg lease_end
-- Answer: 1 extended, 0 the attempt no longer owns the run
-- Invariant: only the attempt that owns the run moves its entry in the queue. A run that was postponed after its lease expired
-- (postpone-queued.lua) is in flight again, so wake-queued.lua does not make it due.
local run = read_fields(keys.run, 'state', 'attempt', 'owner', 'nonce', 'postponed')
if not is_owner(run, args.attempt, args.owner, args.nonce) then return 0 end
if run.postponed then redis.call('HDEL', keys.run, 'postponed') end
redis.call('ZADD', keys.due, args.lease_end, args.run_id)
return 1
