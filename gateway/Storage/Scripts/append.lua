-- Keeps events of a stream that a client may resume.
-- KEYS  1 run, 2 events, 3 their ids
-- ARGV  1 attempt, 2 owner, 3 nonce of the attempt, 4 head of the response ('' where it is known), 5 the most bytes of events,
--       6… id ('' without one) and record of each event
-- Answer {'kept'} | {'full'} | {'lost'} the attempt no longer owns the run
-- Keeps: an event that has an id is kept once, whichever attempts send it; only the attempt that owns the run adds to its stream.
local run = redis.call('HMGET', KEYS[1], 'state', 'attempt', 'owner', 'streamed', 'nonce')
if run[1] ~= 'running' or run[2] ~= ARGV[1] or run[3] ~= ARGV[2] or (run[5] or '0') ~= ARGV[3] then return {'lost'} end
if ARGV[4] ~= '' then redis.call('HSETNX', KEYS[1], 'stream', ARGV[4]) end
local bytes = tonumber(run[4] or '0')
for i = 6, #ARGV, 2 do
  -- An id whose place is still empty is of a call that a server died in the middle of.
  local place = redis.call('LLEN', KEYS[2])
  local known = ARGV[i] ~= '' and redis.call('HGET', KEYS[3], ARGV[i])
  if not known or tonumber(known) >= place then
    bytes = bytes + #ARGV[i + 1]
    if bytes > tonumber(ARGV[5]) then return {'full'} end
    if ARGV[i] ~= '' then redis.call('HSET', KEYS[3], ARGV[i], place) end
    redis.call('RPUSH', KEYS[2], ARGV[i + 1])
    if ARGV[i] ~= '' then redis.call('HSET', KEYS[1], 'lastid', ARGV[i]) end
  end
end
redis.call('HSET', KEYS[1], 'streamed', string.format('%.0f', bytes))
local ttl = redis.call('PTTL', KEYS[1])
if redis.call('EXISTS', KEYS[2]) == 1 then redis.call('PEXPIRE', KEYS[2], ttl) end
if redis.call('EXISTS', KEYS[3]) == 1 then redis.call('PEXPIRE', KEYS[3], ttl) end
return {'kept'}
