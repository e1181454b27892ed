-- Makes a run due whose turn has come.
-- KEYS  1 run, 2 due-queue of the shard
-- ARGV  1 run id, 2 now
-- Answer 1 it is due, or at work, 0 it has ended, is paused, or is unknown: nobody comes for its place
-- Keeps: who was about to put the run off, because it was not its turn then, finds that it is now (see postpone.lua).
local run = redis.call('HMGET', KEYS[1], 'state', 'attempt', 'paused', 'postponed')
if run[1] == 'running' and run[4] ~= run[2] then return 1 end
if run[1] ~= 'running' and (run[1] ~= 'waiting' or run[3]) then return 0 end
redis.call('HSET', KEYS[1], 'turn', run[2])
if run[1] == 'waiting' then redis.call('HSET', KEYS[1], 'next', ARGV[2]) end
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
return 1
