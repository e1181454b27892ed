-- Frees the place of a run under a concurrency limit, or removes the run from the queue. Queued runs get the free places.
-- @include concurrency
-- @keys holders, queue, queue_lengths, permits
-- @arg run_id
-- @arg now
-- @arg limit           the maximum number of runs that have a place
-- @arg reserved_until  when a place that a queued run gets becomes free again if the run does not use it
-- @arg name            of the concurrency limit
-- @arg permit?         the permit to release; if absent, the run does not use its place, which becomes free unless it has a permit
-- @arg lifetime        how long the store keeps the queue (ms)
-- Answer: the runs that got a place from the queue
-- Invariant: as in acquire-place.lua. A place is freed with its last permit, so a late release does not take the place from another run.
remove_expired_holders(keys.holders, keys.permits, args.now)
local has_permit = redis.call('HEXISTS', keys.permits, args.run_id) == 1
if args.permit then
  if has_permit then set_permit(keys.holders, keys.permits, args.run_id, args.now, args.permit) end
elseif not has_permit then
  redis.call('ZREM', keys.holders, args.run_id)
  redis.call('ZREM', keys.queue, args.run_id)
end
local admitted = admit_from_queue(keys.holders, keys.queue, tonumber(args.limit), args.reserved_until)
update_queue_length(keys.queue_lengths, args.name, keys.queue)
extend_expiry(KEYS, args.lifetime)
return admitted
