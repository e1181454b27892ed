-- Cancels a run, whoever owns it.
-- KEYS  1 run, 2 request, 3 steps, 4 pending steps, 5 due-queue of the shard
-- ARGV  1 run id, 2 retention (ms), 3 now
-- Answer 1 cancelled, 0 it has ended already, -1 unknown
-- Keeps: an ended run never changes; a cancelled run is in no queue and all its keys expire, its idempotency key (of the same slot) too.
-- What a run invoked it for is in the queue until it has been told.
local state = redis.call('HGET', KEYS[1], 'state')
if not state then return -1 end
if state ~= 'running' and state ~= 'waiting' then return 0 end
redis.call('HSET', KEYS[1], 'state', 'cancelled', 'owner', '', 'ended', ARGV[3])
redis.call('ZREM', KEYS[5], ARGV[1])
redis.call('DEL', KEYS[4])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local others = redis.call('HMGET', KEYS[1], 'idem', 'parent')
if others[1] then redis.call('PEXPIRE', others[1], ARGV[2]) end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
redis.call('PEXPIRE', KEYS[3], ARGV[2])
if others[2] then redis.call('ZADD', KEYS[5], ARGV[3], 'p:' .. ARGV[1]) end
return 1
