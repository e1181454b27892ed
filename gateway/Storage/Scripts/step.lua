-- Stores a step's outcome, or counts a failed try of it, or marks it as begun.
-- KEYS  1 run, 2 steps, 3 pending steps, 4 history, 5 due-queue of the shard
-- ARGV  1 attempt, 2 step id, 3 most steps, 4 'C' completed | 'F' failed for good | 'P' a try failed | 'S' it begins, once at most,
--       5 outcome record ('': is it to be sent? 'S': the one to store where another execution began it) | time of the next try,
--       6 the failed tries that the caller reckons with (-1: any), 7 now,
--       8 run id, 9 when it is stuck (see notice.lua), 10 nonce of the attempt,
--       11 'S': the execution of the handler that begins it ('': the service does not tell its executions apart),
--       12 why it failed, sealed ('' where nothing is known)
-- Answer {'created'} | {'send'} where there is no record and no outcome yet | {'scheduled', due} | {'stored', value} (without the value where there is no record) | {'tries', n} reckon again | {'many'} | {'ended'} | {'superseded'} | {'unknown'} | {'other'} the step is of another kind
-- Keeps: a stored outcome never changes; an attempt that has been superseded writes nothing; an attempt counts one
-- failed try of a step at most, however often it has to say so; a step that was begun once at most is begun by one execution only.
-- A step's value is 'P<tries>:<attempt>', 'S<attempt>:<execution>', or 'C<seq>:<record>' or 'F<seq>:<record>'; of one that waits see wait.lua and await.lua.
local run = redis.call('HMGET', KEYS[1], 'state', 'attempt', 'deadline', 'nonce')
if not run[1] then return {'unknown'} end
if run[1] ~= 'running' and run[1] ~= 'waiting' then return {'ended'} end
if run[2] ~= ARGV[1] or (run[4] or '0') ~= ARGV[10] then return {'superseded'} end
local value = redis.call('HGET', KEYS[2], ARGV[2])
local kind = value and string.sub(value, 1, 1)
if kind == 'C' or kind == 'F' then return ARGV[5] == '' and {'stored'} or {'stored', value} end
if kind == 'W' or kind == 'E' then return {'other'} end
if not value and redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[3]) then return {'many'} end
local tries, by = 0, nil
if kind == 'P' then
  tries, by = string.match(value, '^P(%d+):(%d+)$')
  tries = tonumber(tries)
  local due = redis.call('ZSCORE', KEYS[3], ARGV[2])
  if ARGV[4] == 'P' and by == ARGV[1] and due then return {'scheduled', due} end
end
if ARGV[6] ~= '-1' and tonumber(ARGV[6]) ~= tries then return {'tries', tries} end
if ARGV[5] == '' then return {'send'} end
local begun = 'S' .. ARGV[1] .. ':' .. ARGV[11]
local answer
if ARGV[4] == 'P' then
  local due = ARGV[5]
  if tonumber(due) > tonumber(run[3]) and tonumber(run[3]) > tonumber(ARGV[7]) then due = run[3] end
  redis.call('HSET', KEYS[2], ARGV[2], 'P' .. (tries + 1) .. ':' .. ARGV[1])
  redis.call('ZADD', KEYS[3], due, ARGV[2])
  redis.call('PEXPIRE', KEYS[3], redis.call('PTTL', KEYS[1]))
  note(KEYS[1], KEYS[4], ARGV[7], 'P', ARGV[1], due, ARGV[2], ARGV[12])
  falter(KEYS[1], KEYS[5], ARGV[8], ARGV[7], ARGV[9])
  answer = {'scheduled', due}
elseif ARGV[4] == 'S' and (kind ~= 'S' or value == begun) then
  redis.call('HSET', KEYS[2], ARGV[2], begun)
  redis.call('ZREM', KEYS[3], ARGV[2])
  if value ~= begun then note(KEYS[1], KEYS[4], ARGV[7], 'S', ARGV[1], 0, ARGV[2]) end
  answer = {'created'}
else
  local outcome = ARGV[4] == 'C' and 'C' or 'F'
  local seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
  local stored = outcome .. seq .. ':' .. ARGV[5]
  redis.call('HSET', KEYS[2], ARGV[2], stored)
  redis.call('ZREM', KEYS[3], ARGV[2])
  redis.call('HSET', KEYS[1], 'failures', '0')
  redis.call('HINCRBY', KEYS[1], 'bytes', #ARGV[2] + #ARGV[5])
  redis.call('HINCRBY', KEYS[1], outcome == 'C' and 'completed' or 'failed', 1)
  note(KEYS[1], KEYS[4], ARGV[7], outcome, ARGV[1], 0, ARGV[2], ARGV[12])
  answer = ARGV[4] == 'S' and {'stored', stored} or {'created'}
end
if ARGV[12] ~= '' then redis.call('HSET', KEYS[1], 'why', '~' .. ARGV[12]) end
if redis.call('HLEN', KEYS[2]) == 1 then redis.call('PEXPIRE', KEYS[2], redis.call('PTTL', KEYS[1])) end
return answer
