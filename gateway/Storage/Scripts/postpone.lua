-- Puts off a due run that was turned away at its gate.
-- KEYS  1 run, 2 due-queue of the shard
-- ARGV  1 run id, 2 now, 3 when it is due again, unless its turn comes before
-- Answer when it is due; '' where it is not due (any more)
-- Keeps: a run whose turn has come since it was turned away stays due: wake.lua has left a mark with the number of the last attempt. An
-- older mark is of a turn that was taken. A run is due at its deadline at the latest.
local score = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not score or tonumber(score) > tonumber(ARGV[2]) then return '' end
local run = redis.call('HMGET', KEYS[1], 'state', 'attempt', 'turn', 'deadline')
if not run[1] then return '' end
if run[3] then
  redis.call('HDEL', KEYS[1], 'turn')
  if run[3] == run[2] then return score end
end
local due = ARGV[3]
if tonumber(due) > tonumber(run[4]) and tonumber(run[4]) > tonumber(ARGV[2]) then due = run[4] end
-- The lease of a running one is over: wake.lua is to make it due all the same, unless the attempt renews it before.
if run[1] == 'running' then redis.call('HSET', KEYS[1], 'postponed', run[2]) else redis.call('HSET', KEYS[1], 'next', due) end
redis.call('ZADD', KEYS[2], due, ARGV[1])
return due
