-- Crosses off those that an event has been delivered to.
-- KEYS  1 the event, 2 and 3 those that it is to be delivered to, 4 due-queue of the shard
-- ARGV  1 the event's name, 2 how many runs it has woken, 3 when somebody else goes on, should this caller be gone,
--       4 how long the event is kept when it has been delivered (ms), 5… whom it has been delivered to
-- Answer 1 there are more, 0 that was all
-- Keeps: an event stays in the due-queue until nobody is left to deliver it to.
for i = 5, #ARGV do
  redis.call('ZREM', KEYS[2], ARGV[i])
  redis.call('ZREM', KEYS[3], ARGV[i])
end
if redis.call('HEXISTS', KEYS[1], 'woken') == 1 then redis.call('HINCRBY', KEYS[1], 'woken', ARGV[2]) end
if redis.call('EXISTS', KEYS[2]) + redis.call('EXISTS', KEYS[3]) > 0 then
  redis.call('ZADD', KEYS[4], ARGV[3], 'e:' .. ARGV[1])
  return 1
end
redis.call('ZREM', KEYS[4], 'e:' .. ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 0
