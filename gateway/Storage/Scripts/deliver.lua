-- Completes a step that waits for something from outside, and wakes its run.
-- KEYS  1 run, 2 steps, 3 due-queue of the shard, 4 pending steps, 5 history
-- ARGV  1 run id, 2 step id, 3 what it waits for (see await.lua), 4 'C' completed | 'F' failed, 5 outcome record ('': is it to be sent?), 6 now,
--       7 the event ('' where it is none), 8 the attempt that is told of it by this caller (0: nobody is)
-- Answer {'woken'} | {'send'} where there is no record and the step waits | {'used', give-up ('' never), since, deadline of the run} this run has taken the event with another step |
--   {'done'} the step has an outcome already | {'late'} it has given up | {'none'} nobody waits | {'ended'} | {'unknown'}
-- Keeps: a stored outcome never changes; an event completes one step of a run; a parked run that is woken is due at once, and one
-- whose attempt is in flight, and has not been told, is due at once when that suspends. The order of the writes is such that the call
-- can be repeated where a server died in the middle of it: whom it woke too early finds the step waiting, and waits again.
local run = redis.call('HMGET', KEYS[1], 'state', 'attempt', 'deadline')
if not run[1] then return {'unknown'} end
if run[1] ~= 'running' and run[1] ~= 'waiting' then return {'ended'} end
local value = redis.call('HGET', KEYS[2], ARGV[2])
local kind = value and string.sub(value, 1, 1)
if kind == 'C' or kind == 'F' then return {'done'} end
if not value or string.sub(value, 1, 2) ~= 'E' .. ARGV[3] then return {'none'} end
local over, since = string.match(value, '^E%a:(%d*):(%d+)$')
if over ~= '' and tonumber(over) <= tonumber(ARGV[6]) then return {'late'} end
if ARGV[7] ~= '' then
  local by = redis.call('HGET', KEYS[1], 'event:' .. ARGV[7])
  if by and by ~= ARGV[2] then return {'used', over, since, run[3]} end
end
if ARGV[5] == '' then return {'send'} end
if ARGV[7] ~= '' then
  redis.call('HSET', KEYS[1], 'event:' .. ARGV[7], ARGV[2])
end
if run[1] == 'waiting' then
  redis.call('HSET', KEYS[1], 'next', ARGV[6])
  redis.call('ZADD', KEYS[3], ARGV[6], ARGV[1])
elseif run[2] ~= ARGV[8] then
  redis.call('HSET', KEYS[1], 'woken', run[2])
end
local seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
redis.call('HSET', KEYS[2], ARGV[2], ARGV[4] .. seq .. ':' .. ARGV[5])
redis.call('ZREM', KEYS[4], ARGV[2])
redis.call('HSET', KEYS[1], 'failures', '0')
redis.call('HINCRBY', KEYS[1], 'bytes', #ARGV[2] + #ARGV[5])
redis.call('HINCRBY', KEYS[1], ARGV[4] == 'C' and 'completed' or 'failed', 1)
note(KEYS[1], KEYS[5], ARGV[6], 'D', run[2], 0, ARGV[2])
return {'woken'}
