-- Registers a step that waits for something from outside, or answers its outcome.
-- KEYS  1 run, 2 steps, 3 pending steps, 4 history
-- ARGV  1 attempt, 2 step id, 3 most steps, 4 what it waits for: 'e' an event, 'c' a callback, 'i' an invoked run,
--       5 when it gives up ('' never), 6 since when what it waits for counts ('' the run's start), 7 now,
--       8 the outcome record to store when it has given up, 9 nonce of the attempt
-- Answer {'stored', value} | {'waiting', give-up ('' never), since, deadline of the run} | {'many'} | {'ended'} | {'superseded'} | {'unknown'} | {'other'}
-- Keeps: the times are those of the first call; a stored outcome never changes; a step that waits is pending, never later
-- than the run's deadline.
-- A step's value while it waits is 'E<kind>:<give-up>:<since>'.
local run = redis.call('HMGET', KEYS[1], 'state', 'attempt', 'started', 'deadline', 'nonce')
if not run[1] then return {'unknown'} end
if run[1] ~= 'running' and run[1] ~= 'waiting' then return {'ended'} end
if run[2] ~= ARGV[1] or (run[5] or '0') ~= ARGV[9] then return {'superseded'} end
local value = redis.call('HGET', KEYS[2], ARGV[2])
local over, since = ARGV[5], ARGV[6]
if since == '' then since = run[3] end
if value then
  local kind = string.sub(value, 1, 1)
  if kind == 'C' or kind == 'F' then return {'stored', value} end
  if string.sub(value, 1, 2) ~= 'E' .. ARGV[4] then return {'other'} end
  over, since = string.match(value, '^E%a:(%d*):(%d+)$')
elseif redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[3]) then
  return {'many'}
end
local answer
if over ~= '' and tonumber(over) <= tonumber(ARGV[7]) then
  local seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
  value = 'F' .. seq .. ':' .. ARGV[8]
  redis.call('HSET', KEYS[2], ARGV[2], value)
  redis.call('ZREM', KEYS[3], ARGV[2])
  redis.call('HSET', KEYS[1], 'failures', '0')
  redis.call('HINCRBY', KEYS[1], 'bytes', #ARGV[2] + #ARGV[8])
  redis.call('HINCRBY', KEYS[1], 'failed', 1)
  note(KEYS[1], KEYS[4], ARGV[7], 'F', ARGV[1], 0, ARGV[2])
  answer = {'stored', value}
else
  if not value then note(KEYS[1], KEYS[4], ARGV[7], 'E', ARGV[1], over == '' and 0 or over, ARGV[2]) end
  redis.call('HSET', KEYS[2], ARGV[2], 'E' .. ARGV[4] .. ':' .. over .. ':' .. since)
  local due = over
  if due == '' or tonumber(due) > tonumber(run[4]) then due = run[4] end
  redis.call('ZADD', KEYS[3], due, ARGV[2])
  redis.call('PEXPIRE', KEYS[3], redis.call('PTTL', KEYS[1]))
  answer = {'waiting', over, since, run[4]}
end
if redis.call('HLEN', KEYS[2]) == 1 then redis.call('PEXPIRE', KEYS[2], redis.call('PTTL', KEYS[1])) end
return answer
