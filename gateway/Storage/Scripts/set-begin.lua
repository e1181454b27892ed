-- Writes down what is to be done to a set of runs.
-- KEYS  1 the set action, 2 the newest set actions, 3 due-queue of the shard
-- ARGV  1 its id, 2 now, 3 when somebody else goes on, should this caller be gone, 4 how long it is kept (ms), 5 what is to be done,
--       6 the record of the filter, 7 who wants it
-- Answer 1 begun, 0 it was there already
-- Keeps: what is under way is in the due-queue.
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('ZADD', KEYS[3], ARGV[3], 'a:' .. ARGV[1])
redis.call('HSET', KEYS[1], 'state', 'running', 'verb', ARGV[5], 'filter', ARGV[6], 'who', ARGV[7], 'started', ARGV[2], 'cursor', '', 'done', '0', 'refused', '0')
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -101)
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return 1
