-- Takes an event in: into the logs of its topics, and to those who wait for them.
-- KEYS  1 the event, 2 log of the type with its key, 3 log of the type, 4 waiters for the type with its key, 5 waiters for the type,
--       6 and 7 those of 4 and 5 that it is to be delivered to, 8 due-queue of the shard,
--       9 the newest events of the shard, for operators
--       (an event without a key has the same keys at 2 and 3, and at 4 and 5)
-- ARGV  1 the event's name, 2 its record, 3 now, 4 how long it is kept for later waits (ms), 5 how long it is kept while it is
--       being delivered (ms), 6 when somebody else delivers it, should this caller be gone
-- Answer {1, waiters} taken in | {0, woken} it was there already, and has woken so many
-- Keeps: an event is taken in once; whoever waits at this moment is among those to deliver to, which costs the same however many they
-- are; while there are any, the event is in the due-queue.
local woken = redis.call('HGET', KEYS[1], 'woken')
if woken then return {0, tonumber(woken)} end
redis.call('ZADD', KEYS[8], ARGV[6], 'e:' .. ARGV[1])
redis.call('HSET', KEYS[1], 'record', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
local waiters = 0
for i = 2, 3 do
  if i == 2 or KEYS[3] ~= KEYS[2] then
    redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', tonumber(ARGV[3]) - tonumber(ARGV[4]))
    redis.call('ZADD', KEYS[i], ARGV[3], ARGV[1])
    redis.call('PEXPIRE', KEYS[i], ARGV[4])
    redis.call('ZREMRANGEBYSCORE', KEYS[i + 2], '-inf', ARGV[3])
    if redis.call('EXISTS', KEYS[i + 2]) == 1 and redis.call('EXISTS', KEYS[i + 4]) == 0 then
      redis.call('RENAME', KEYS[i + 2], KEYS[i + 4])
      redis.call('PEXPIRE', KEYS[i + 4], ARGV[5])
    end
    waiters = waiters + redis.call('ZCARD', KEYS[i + 4])
  end
end
if waiters == 0 then
  redis.call('ZREM', KEYS[8], 'e:' .. ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
redis.call('ZADD', KEYS[9], ARGV[3], ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[9], 0, -1001)
redis.call('PEXPIRE', KEYS[9], ARGV[4])
redis.call('HSET', KEYS[1], 'woken', '0')
return {1, waiters}
