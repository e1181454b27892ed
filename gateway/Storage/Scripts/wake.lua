-- Makes a run due whose turn has come.
-- KEYS  1 run, 2 due-queue of the shard
-- ARGV  1 run id, 2 now
-- Answer 1 it is due, or at work, 0 it has ended or is unknown
local state = redis.call('HGET', KEYS[1], 'state')
if state == 'running' then return 1 end
if state ~= 'waiting' then return 0 end
redis.call('HSET', KEYS[1], 'next', ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
return 1
