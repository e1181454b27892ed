-- Extends the lease of a running attempt.
-- KEYS  1 run, 2 due-queue of the shard
-- ARGV  1 run id, 2 attempt, 3 owner, 4 lease end, 5 nonce of the attempt
-- Answer 1 held, 0 lost
-- Keeps: only the attempt that owns the run can push its queue entry back. A run that was put off while its lease was over (postpone.lua)
-- is at work again: wake.lua is not to make it due.
local run = redis.call('HMGET', KEYS[1], 'state', 'attempt', 'owner', 'nonce', 'postponed')
if run[1] ~= 'running' or run[2] ~= ARGV[2] or run[3] ~= ARGV[3] or (run[4] or '0') ~= ARGV[5] then return 0 end
if run[5] then redis.call('HDEL', KEYS[1], 'postponed') end
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
return 1
