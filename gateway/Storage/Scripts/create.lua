-- Writes a new run, running under a lease or waiting to be due.
-- KEYS  1 run, 2 request, 3 due-queue of the shard, 4 idempotency key of the request (the run again where it has none), 5 history
-- ARGV  1 run id, 2 state, 3 owner of the first attempt, 4 score in the queue (lease end, or next attempt), 5 start,
--       6 deadline, 7 policy, 8 route, 9 request record ('': is it to be sent?), 10 failures, 11 time to live (ms), 12 record version,
--       13 number of the attempt in flight, 14 what the idempotency key stands for: '<run id>:…' ('' without one),
--       15 the run and step that invoked it ('' where it was a client), 16 now, 17 note on the first attempt, where it failed (AttemptNote.cs),
--       18 the gate that it has to pass ('' for none), 19 trace parent of the client's request,
--       20 what its result is bound to ('' for nothing), 21 nonce of the first attempt,
--       22 since when the service cannot be reached ('' where that is not why it failed),
--       last but one: hash of the idempotency key alone, for who searches ('' without one); last: method and path, sealed
-- Answer 1 written, 'send' where there is no record and no run yet, 0 it was there already and is no longer the first attempt's; what the key stands for where it is another run's
-- Keeps: a run is created once; from its first moment it is in the due-queue, so no crash can lose it. An owner whose
-- first answer was lost may say it again, as long as its first attempt still holds the run. An idempotency key is one run's.
if ARGV[14] ~= '' then
  local taken = redis.call('GET', KEYS[4])
  if taken and string.sub(taken, 1, #ARGV[1]) ~= ARGV[1] then return taken end
end
local run = redis.call('HMGET', KEYS[1], 'state', 'attempt', 'owner', 'nonce')
if run[1] and (run[1] ~= 'running' or run[2] ~= ARGV[13] or run[3] ~= ARGV[3] or (run[4] or '0') ~= ARGV[21]) then return 0 end
if not run[1] and ARGV[9] == '' then return 'send' end
local owner = ARGV[3]
if ARGV[2] == 'waiting' then owner = '' end
if not run[1] then
  redis.call('SET', KEYS[2], ARGV[9], 'PX', ARGV[11])
  redis.call('HSET', KEYS[1], 'v', ARGV[12], 'attempt', ARGV[13], 'started', ARGV[5], 'deadline', ARGV[6], 'policy', ARGV[7], 'route', ARGV[8],
    'trace', ARGV[19], 'nonce', ARGV[21], 'seq', '0', 'bytes', '0', 'completed', '0', 'failed', '0')
  if ARGV[14] ~= '' then
    redis.call('SET', KEYS[4], ARGV[14], 'PX', ARGV[11])
    redis.call('HSET', KEYS[1], 'idem', KEYS[4])
  end
  if ARGV[15] ~= '' then redis.call('HSET', KEYS[1], 'parent', ARGV[15]) end
  if ARGV[18] ~= '' then redis.call('HSET', KEYS[1], 'gate', ARGV[18]) end
  if ARGV[20] ~= '' then redis.call('HSET', KEYS[1], 'bound', ARGV[20]) end
end
if run[1] then redis.call('HDEL', KEYS[1], 'postponed') end
redis.call('HSET', KEYS[1], 'state', ARGV[2], 'owner', owner, 'next', ARGV[4], 'failures', ARGV[10], 'why', ARGV[17])
if ARGV[22] ~= '' then redis.call('HSET', KEYS[1], 'away', ARGV[22] .. ':' .. ARGV[13]) end
if ARGV[10] ~= '0' or ARGV[22] ~= '' then falter(KEYS[1], KEYS[3], ARGV[1], ARGV[16], '') end
if not run[1] then
  redis.call('HSET', KEYS[1], 'label', ARGV[#ARGV])
  redis.call('PEXPIRE', KEYS[1], ARGV[11])
  if ARGV[13] == '0' then
    note(KEYS[1], KEYS[5], ARGV[5], 'q', 0, 0, '')
  else
    note(KEYS[1], KEYS[5], ARGV[5], 'a', ARGV[13], 0, ARGV[3])
    if ARGV[2] == 'waiting' then note(KEYS[1], KEYS[5], ARGV[16], 'f', ARGV[13], ARGV[4], ARGV[17]) end
  end
end
redis.call('ZADD', KEYS[3], ARGV[4], ARGV[1])
moved(KEYS[1], run[1], ARGV[2], ARGV[16] + ARGV[11])
local at = string.match(KEYS[1], '^(.-:)run:')
for hash in string.gmatch(ARGV[#ARGV - 1], '%S+') do join(at, at .. 'ix:k:' .. hash, ARGV[5], ARGV[1], tonumber(ARGV[11])) end
forget(at, ARGV[16])
return 1
