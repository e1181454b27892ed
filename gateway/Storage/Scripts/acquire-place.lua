-- Gives a run a place under a concurrency limit, or adds the run to the queue.
-- @include concurrency
-- @keys holders, queue, queue_lengths, permits
-- @arg run_id
-- @arg now
-- @arg lease_end
-- @arg limit           the maximum number of runs that have a place
-- @arg order           the run's score in the queue
-- @arg reserved_until  when a place that a queued run gets becomes free again if the run does not use it
-- @arg lifetime        how long the queue is kept (ms)
-- @arg name            of the concurrency limit
-- @arg permit?         if absent, the caller only asks, and the script reserves the place until lease_end
-- Answer: {1, 0, woken…} the run has a place | {0, position in the queue, woken…}; woken: the runs that got a place from the queue
-- Invariant: at most limit runs have a place. No run overtakes another one in the queue. A place is free when its lease ends.
remove_expired_holders(keys.holders, keys.permits, args.now)
local limit = tonumber(args.limit)
local has_place = redis.call('ZSCORE', keys.holders, args.run_id)
local position = 0
if not has_place then
  local rank = redis.call('ZRANK', keys.queue, args.run_id)
  if not rank then rank = redis.call('ZCOUNT', keys.queue, '-inf', args.order) end
  rank = tonumber(rank)
  if limit - redis.call('ZCARD', keys.holders) > rank then
    redis.call('ZREM', keys.queue, args.run_id)
    redis.call('ZADD', keys.holders, args.lease_end, args.run_id)
    has_place = true
  else
    if not redis.call('ZSCORE', keys.queue, args.run_id) then redis.call('ZADD', keys.queue, args.order, args.run_id) end
    position = rank
  end
end
local answer = {0, position}
for _, id in ipairs(admit_from_queue(keys.holders, keys.queue, limit, args.reserved_until)) do
  -- The caller does not need to wake its own run.
  if id == args.run_id then has_place = true else answer[#answer + 1] = id end
end
if has_place then
  answer[1], answer[2] = 1, 0
  if args.permit then set_permit(keys.holders, keys.permits, args.run_id, args.now, args.permit, args.lease_end) end
end
update_queue_length(keys.queue_lengths, args.name, keys.queue)
extend_expiry(KEYS, args.lifetime)
return answer
