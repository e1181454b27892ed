-- Extends the lease of a run's permit. A run whose lease had expired gets its place back and no longer waits.
-- @include concurrency
-- @keys holders, queue, queue_lengths, permits
-- @arg run_id
-- @arg now
-- @arg lease_end
-- @arg permit
-- @arg lifetime  how long the store keeps the places (ms)
-- @arg name      of the concurrency limit
-- Answer: 1
-- Invariant: a run that has a place is not in the queue. Otherwise freeing its own place would admit it again, and make a parked run due
-- too early.
set_permit(keys.holders, keys.permits, args.run_id, args.now, args.permit, args.lease_end)
if redis.call('ZREM', keys.queue, args.run_id) == 1 then update_queue_length(keys.queue_lengths, args.name, keys.queue) end
extend_expiry(KEYS, args.lifetime)
return 1
