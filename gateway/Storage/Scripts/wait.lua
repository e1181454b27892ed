-- Registers a step that waits for a time, or answers its outcome when the time has come.
-- KEYS  1 run, 2 steps, 3 pending steps, 4 history
-- ARGV  1 attempt, 2 step id, 3 most steps, 4 when it is over, 5 now, 6 the outcome record to store when it is over, 7 nonce of the attempt
-- Answer {'stored', value} | {'scheduled', due} | {'beyond'} it would be over when the run has to have ended | {'many'} | {'ended'} | {'superseded'} | {'unknown'} | {'other'} the step is of another kind
-- Keeps: the time is that of the first call, whatever later attempts say; a stored outcome never changes.
-- A step's value while it waits is 'W<due>:<outcome record>'. It gets that outcome when it is over: here, or as the run is claimed.
local run = redis.call('HMGET', KEYS[1], 'state', 'attempt', 'deadline', 'nonce')
if not run[1] then return {'unknown'} end
if run[1] ~= 'running' and run[1] ~= 'waiting' then return {'ended'} end
if run[2] ~= ARGV[1] or (run[4] or '0') ~= ARGV[7] then return {'superseded'} end
local value = redis.call('HGET', KEYS[2], ARGV[2])
local due, record = ARGV[4], ARGV[6]
if value then
  local kind = string.sub(value, 1, 1)
  if kind == 'C' or kind == 'F' then return {'stored', value} end
  if kind ~= 'W' then return {'other'} end
  due = string.match(value, '^W(%d+)')
  local colon = string.find(value, ':', 1, true)
  if colon then record = string.sub(value, colon + 1) end
elseif tonumber(due) >= tonumber(run[3]) and tonumber(due) > tonumber(ARGV[5]) then
  return {'beyond'}
elseif redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[3]) then
  return {'many'}
end
local answer
if tonumber(due) <= tonumber(ARGV[5]) then
  local seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
  value = 'C' .. seq .. ':' .. record
  redis.call('HSET', KEYS[2], ARGV[2], value)
  redis.call('ZREM', KEYS[3], ARGV[2])
  redis.call('HSET', KEYS[1], 'failures', '0')
  redis.call('HINCRBY', KEYS[1], 'bytes', #ARGV[2] + #record)
  redis.call('HINCRBY', KEYS[1], 'completed', 1)
  note(KEYS[1], KEYS[4], ARGV[5], 'C', ARGV[1], 0, ARGV[2])
  answer = {'stored', value}
else
  if not value then note(KEYS[1], KEYS[4], ARGV[5], 'W', ARGV[1], due, ARGV[2]) end
  redis.call('HSET', KEYS[2], ARGV[2], 'W' .. due .. ':' .. record)
  redis.call('ZADD', KEYS[3], due, ARGV[2])
  redis.call('PEXPIRE', KEYS[3], redis.call('PTTL', KEYS[1]))
  answer = {'scheduled', due}
end
if redis.call('HLEN', KEYS[2]) == 1 then redis.call('PEXPIRE', KEYS[2], redis.call('PTTL', KEYS[1])) end
return answer
