-- Cancels a run, whoever owns it.
-- KEYS  1 run, 2 request, 3 steps, 4 pending steps, 5 due-queue of the shard, 6 history
-- ARGV  1 run id, 2 retention (ms), 3 now, 4 who cancels it
-- Answer 1 cancelled, 0 it has ended already, -1 unknown
-- Keeps: an ended run never changes; a cancelled run is in no queue and all its keys expire, its idempotency key (of the same slot) too.
-- What a run invoked it for is in the queue until it has been told.
local run = redis.call('HMGET', KEYS[1], 'state', 'attempt')
local state = run[1]
if not state then return -1 end
if state ~= 'running' and state ~= 'waiting' then return 0 end
local others = redis.call('HMGET', KEYS[1], 'idem', 'parent')
if others[2] then redis.call('ZADD', KEYS[5], ARGV[3], 'p:' .. ARGV[1]) end
redis.call('HSET', KEYS[1], 'state', 'cancelled', 'owner', '', 'ended', ARGV[3])
redis.call('ZREM', KEYS[5], ARGV[1])
redis.call('DEL', KEYS[4])
note(KEYS[1], KEYS[6], ARGV[3], 'c', run[2], 0, ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if others[1] then redis.call('PEXPIRE', others[1], ARGV[2]) end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
redis.call('PEXPIRE', KEYS[3], ARGV[2])
redis.call('PEXPIRE', KEYS[6], ARGV[2])
return 1
