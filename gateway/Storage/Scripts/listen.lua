-- Has a step hear of events of a topic from now on, and names those that are there already.
-- KEYS  1 those who wait for the topic, 2 log of the topic
-- ARGV  1 who waits: '<run> <step>', 2 until when, 3 now, 4 since when events count, 5 how many of them to pass over, 6 the most to name
-- Answer the events, the earliest first
-- Keeps: an event is either named here or finds the waiter, whichever comes first; who waits no longer is forgotten in time.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[3])
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
redis.call('PEXPIRE', KEYS[1], math.max(1, tonumber(last[2]) - tonumber(ARGV[3])))
return redis.call('ZRANGEBYSCORE', KEYS[2], ARGV[4], '+inf', 'LIMIT', ARGV[5], ARGV[6])
