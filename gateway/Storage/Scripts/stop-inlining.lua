-- Has the later attempts of a run go without outcomes in their headers: the service has refused those of this one.
-- KEYS  1 run
-- ARGV  1 attempt, 2 owner, 3 nonce of the attempt
-- Answer 1 noted, 0 the attempt no longer owns the run
-- Keeps: it is noted once and for all. An attempt whose first answer was lost, and which was parked meanwhile, may say it again.
local run = redis.call('HMGET', KEYS[1], 'state', 'attempt', 'owner', 'nonce')
if run[2] ~= ARGV[1] or (run[4] or '0') ~= ARGV[3] then return 0 end
if run[1] ~= 'waiting' and (run[1] ~= 'running' or run[3] ~= ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], 'noinline', '1')
return 1
