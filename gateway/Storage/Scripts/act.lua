-- Does what an operator asks for to a run.
-- KEYS  1 run, 2 due-queue of the shard, 3 history
-- ARGV  1 run id, 2 'retry' | 'pause' | 'resume' | 'again' | 'release-key', 3 now, 4 for the history: what was done, and by whom
-- Answer {'done'} | {'unknown'} | {'refused', state, '1' where it is paused}
-- Keeps: a running attempt is not disturbed; a paused run is in the queue, due at its deadline, which ends it (see claim.lua).
local run = redis.call('HMGET', KEYS[1], 'state', 'attempt', 'deadline', 'paused', 'idem')
local state = run[1]
if not state then return {'unknown'} end
local live = state == 'running' or state == 'waiting'
local allowed = ARGV[2] == 'again' or (ARGV[2] == 'retry' and state == 'waiting' and not run[4])
  or (ARGV[2] == 'pause' and live and not run[4]) or (ARGV[2] == 'resume' and live and run[4])
  or (ARGV[2] == 'release-key' and not live and run[5])
if not allowed then return {'refused', state, run[4] or ''} end
if ARGV[2] == 'pause' then
  redis.call('HSET', KEYS[1], 'paused', '1')
elseif ARGV[2] == 'resume' then
  redis.call('HDEL', KEYS[1], 'paused')
elseif ARGV[2] == 'release-key' then
  release(KEYS[1], ARGV[1], run[5])
end
if state == 'waiting' then
  if ARGV[2] == 'pause' then
    redis.call('ZADD', KEYS[2], run[3], ARGV[1])
  elseif ARGV[2] ~= 'again' then
    redis.call('HSET', KEYS[1], 'next', ARGV[3])
    redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
  end
end
note(KEYS[1], KEYS[3], ARGV[3], 'o', run[2], 0, ARGV[4])
return {'done'}
