-- Frees the place of a run under a concurrency limit, or takes the run out of the queue. Runs of the queue get the places that are free.
-- @include concurrency
-- @keys holders, queue, queue_lengths, permits
-- @arg run_id
-- @arg now
-- @arg limit           the most runs that may have a place
-- @arg reserved_until  when a place of a run that gets it from the queue is free again, unless the run comes for it
-- @arg name            of the concurrency limit
-- @arg permit?         the permit that is released; where absent, the run does not come for its place, which is free unless it has a permit
-- @arg lifetime        how long the queue is kept (ms)
-- Answer: the runs that got a place from the queue
-- Invariant: as acquire-place.lua. A place is free with its last permit, so a permit that is released late takes the place from no run.
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
