-- Ends an attempt that failed and schedules the next one.
-- KEYS  1 run, 2 due-queue of the shard, 3 history
-- ARGV  1 run id, 2 attempt, 3 owner, 4 the failures that the caller reckons with (-1: this one does not count), 5 time of the next attempt, 6 now, 7 note (AttemptNote.cs),
--       8 when it is stuck (see notice.lua), 9 nonce of the attempt, 10 since when the service cannot be reached ('' where that is not why it failed)
-- Answer {'parked', due} | {'failures', n} reckon again | {'lost'} the attempt no longer owns the run
-- Keeps: a waiting run is in the due-queue, never later than its deadline, where it ends; a failure is counted once. A deadline that has
-- passed is no time to be due at: whoever could not end the run then could not now, and would be back at once.
-- 'away' is '<since>:<attempt>': it holds for the attempt after that one only, so any other end of an attempt begins anew.
-- An attempt whose first answer was lost may say it again: while no later one has begun, nobody else can have parked the run.
local run = redis.call('HMGET', KEYS[1], 'state', 'attempt', 'owner', 'deadline', 'failures', 'next', 'nonce')
if (run[7] or '0') ~= ARGV[9] then return {'lost'} end
if run[1] == 'waiting' and run[2] == ARGV[2] then return {'parked', run[6]} end
if run[1] ~= 'running' or run[2] ~= ARGV[2] or run[3] ~= ARGV[3] then return {'lost'} end
if ARGV[4] ~= '-1' then
  if tonumber(ARGV[4]) ~= tonumber(run[5]) then return {'failures', tonumber(run[5])} end
  redis.call('HINCRBY', KEYS[1], 'failures', 1)
end
if ARGV[4] ~= '-1' or ARGV[10] ~= '' then falter(KEYS[1], KEYS[2], ARGV[1], ARGV[6], ARGV[8]) end
if ARGV[10] ~= '' then redis.call('HSET', KEYS[1], 'away', ARGV[10] .. ':' .. ARGV[2]) end
local due = ARGV[5]
if tonumber(due) > tonumber(run[4]) and tonumber(run[4]) > tonumber(ARGV[6]) then due = run[4] end
redis.call('HSET', KEYS[1], 'state', 'waiting', 'owner', '', 'next', due, 'why', ARGV[7])
redis.call('ZADD', KEYS[2], due, ARGV[1])
moved(KEYS[1], 'running', 'waiting')
note(KEYS[1], KEYS[3], ARGV[6], 'f', ARGV[2], due, ARGV[7])
return {'parked', due}
