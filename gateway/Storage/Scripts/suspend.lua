-- Parks a run until the earliest of its pending steps is due.
-- KEYS  1 run, 2 pending steps, 3 due-queue of the shard, 4 history
-- ARGV  1 run id, 2 attempt, 3 owner, 4 now, 5 nonce of the attempt
-- Answer {'parked', due} | {'nothing'} no step is pending | {'lost'} the attempt no longer owns the run
-- Keeps: a waiting run is in the due-queue, never later than its deadline; what woke it while this attempt was in flight makes it due at once.
-- An attempt whose first answer was lost may say it again: while no later one has begun, nobody else can have parked the run.
local run = redis.call('HMGET', KEYS[1], 'state', 'attempt', 'owner', 'deadline', 'next', 'woken', 'nonce')
if (run[7] or '0') ~= ARGV[5] then return {'lost'} end
if run[1] == 'waiting' and run[2] == ARGV[2] then return {'parked', run[5]} end
if run[1] ~= 'running' or run[2] ~= ARGV[2] or run[3] ~= ARGV[3] then return {'lost'} end
local due = ARGV[4]
if run[6] ~= run[2] then
  local first = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
  if not first[1] then return {'nothing'} end
  due = first[2]
end
if tonumber(due) > tonumber(run[4]) then due = run[4] end
redis.call('HSET', KEYS[1], 'state', 'waiting', 'owner', '', 'next', due)
redis.call('ZADD', KEYS[3], due, ARGV[1])
moved(KEYS[1], 'running', 'waiting')
note(KEYS[1], KEYS[4], ARGV[4], 'z', ARGV[2], due, '')
return {'parked', due}
