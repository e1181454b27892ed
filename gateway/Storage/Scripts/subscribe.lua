-- Has a step receive the events of a topic from now on, and lists those that are there already.
-- @keys topic_log, topic_waiters
-- @arg waiter  '<run> <step>'
-- @arg expiry  until when it waits
-- @arg now
-- @arg since   since when events count
-- @arg skip    how many of them to pass over
-- @arg limit   the most to list
-- Answer: the events, the earliest first
-- Invariant: an event is either listed here or finds the waiter, whichever comes first. A waiter whose time is over is removed.
redis.call('ZREMRANGEBYSCORE', keys.topic_waiters, '-inf', args.now)
redis.call('ZADD', keys.topic_waiters, args.expiry, args.waiter)
local last = redis.call('ZRANGE', keys.topic_waiters, -1, -1, 'WITHSCORES')
redis.call('PEXPIRE', keys.topic_waiters, math.max(1, tonumber(last[2]) - tonumber(args.now)))
return redis.call('ZRANGEBYSCORE', keys.topic_log, args.since, '+inf', 'LIMIT', args.skip, args.limit)
