-- Ends a run with its result.
-- KEYS  1 run, 2 request, 3 steps, 4 pending steps, 5 result, 6 due-queue of the shard, 7 history
-- ARGV  1 run id, 2 attempt, 3 owner, 4 final state, 5 result record ('': is it to be sent?), 6 retention (ms), 7 now,
--       8 the failures that the caller reckons with (-1: any), 9 note (AttemptNote.cs), 10 whether operators are to be told ('1', ''),
--       11 whether the idempotency key is released ('1', ''), 12 nonce of the attempt
-- Answer {'send'} where there is no record and the run has not ended | {'ended'} or, where its end is to be told to the run that invoked it, {'ended', now} | {'failures', n} reckon again | {'lost'} the attempt no longer owns the run, or it has ended already
-- Keeps: a result is written once, together with the final state; an ended run is in no queue and all its keys expire, its idempotency key (of the same slot) too.
-- A key that is released stands for no run: the next request with it begins a new one.
-- What a run invoked it for is in the queue until it has been told, and so is a notice.
-- An attempt whose first answer was lost may say it again, and is told that it has ended the run.
local run = redis.call('HMGET', KEYS[1], 'state', 'attempt', 'owner', 'failures', 'by', 'nonce')
if (run[6] or '0') ~= ARGV[12] then return {'lost'} end
if run[5] and run[5] == ARGV[2] and run[1] == ARGV[4] then return {'ended'} end
if run[1] ~= 'running' or run[2] ~= ARGV[2] or run[3] ~= ARGV[3] then return {'lost'} end
if ARGV[8] ~= '-1' and tonumber(ARGV[8]) ~= tonumber(run[4]) then return {'failures', tonumber(run[4])} end
if ARGV[5] == '' then return {'send'} end
local others = redis.call('HMGET', KEYS[1], 'idem', 'parent')
if others[2] then redis.call('ZADD', KEYS[6], ARGV[7], 'p:' .. ARGV[1]) end
if ARGV[10] == '1' then tell(KEYS[6], 'f', ARGV[7], ARGV[1]) end
redis.call('SET', KEYS[5], ARGV[5], 'PX', ARGV[6])
redis.call('HSET', KEYS[1], 'state', ARGV[4], 'owner', '', 'ended', ARGV[7], 'by', ARGV[2], 'why', ARGV[9])
redis.call('ZREM', KEYS[6], ARGV[1])
redis.call('DEL', KEYS[4])
note(KEYS[1], KEYS[7], ARGV[7], 'e', ARGV[2], 0, ARGV[4] .. ' ' .. ARGV[9])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
moved(KEYS[1], 'running', ARGV[4], ARGV[7] + ARGV[6])
if others[1] and ARGV[11] == '1' then
  release(KEYS[1], ARGV[1], others[1])
elseif others[1] then
  redis.call('PEXPIRE', others[1], ARGV[6])
end
redis.call('PEXPIRE', KEYS[2], ARGV[6])
redis.call('PEXPIRE', KEYS[3], ARGV[6])
redis.call('PEXPIRE', KEYS[7], ARGV[6])
if others[2] then return {'ended', ARGV[7]} end
return {'ended'}
