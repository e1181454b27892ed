-- Takes something due upon oneself for a while, or puts it off.
-- KEYS  1 due-queue of the shard
-- ARGV  1 the entry, 2 now, 3 when it is due again
-- Answer 1 done, 0 it is not due (any more)
-- Keeps: the entry stays in the queue; of several nodes that see it due, one takes it.
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not score or tonumber(score) > tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
return 1
