-- Subscribes a step to the events of a topic, and lists those that are already stored.
-- @keys topic_log, topic_waiters
-- @arg waiter  '<run> <step>'
-- @arg expiry  when the wait ends
-- @arg now
-- @arg since   the time of the first event that counts
-- @arg skip    the number of events to skip
-- @arg limit   the maximum number of events to list
-- Answer: the events, the earliest first
-- Invariant: an event is listed here if it was stored first, and otherwise finds the waiter. The script removes expired waiters.
redis.call('ZREMRANGEBYSCORE', keys.topic_waiters, '-inf', args.now)
redis.call('ZADD', keys.topic_waiters, args.expiry, args.waiter)
local last = redis.call('ZRANGE', keys.topic_waiters, -1, -1, 'WITHSCORES')
redis.call('PEXPIRE', keys.topic_waiters, math.max(1, tonumber(last[2]) - tonumber(args.now)))
return redis.call('ZRANGEBYSCORE', keys.topic_log, args.since, '+inf', 'LIMIT', args.skip, args.limit)
