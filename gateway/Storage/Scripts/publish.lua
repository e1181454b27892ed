-- Stores an event in the logs of its topics, and assigns it to the steps that wait for them.
-- @keys event, topic_log, type_log, topic_waiters, type_waiters, topic_recipients, type_recipients, recent_events, due
--   topic: the type with the event's key; type: the type alone, for any key. Both are the same for an event without a key
-- @arg name
-- @arg record          sealed
-- @arg now
-- @arg retention       how long the store keeps the event for later waits (ms)
-- @arg delivery_time   how long the store keeps the event during its delivery (ms)
-- @arg taken_until     when another node delivers the event if the caller has died
-- Answer: {1, waiters} the event is new | {0, woken} the event already exists and has woken this number of runs
-- Invariant: an event is stored once. The steps that wait now become its recipients by a rename, so the cost does not depend on their
-- number. The event is in the due queue while it has recipients.
local woken = redis.call('HGET', keys.event, 'woken')
if woken then return {0, tonumber(woken)} end
redis.call('ZADD', keys.due, args.taken_until, 'e:' .. args.name)
redis.call('HSET', keys.event, 'record', args.record)
redis.call('PEXPIRE', keys.event, args.delivery_time)

local function add_to_topic(log, waiting, recipients)
  redis.call('ZREMRANGEBYSCORE', log, '-inf', tonumber(args.now) - tonumber(args.retention))
  redis.call('ZADD', log, args.now, args.name)
  redis.call('PEXPIRE', log, args.retention)
  redis.call('ZREMRANGEBYSCORE', waiting, '-inf', args.now)
  if redis.call('EXISTS', waiting) == 1 and redis.call('EXISTS', recipients) == 0 then
    redis.call('RENAME', waiting, recipients)
    redis.call('PEXPIRE', recipients, args.delivery_time)
  end
  return redis.call('ZCARD', recipients)
end

local waiters = add_to_topic(keys.topic_log, keys.topic_waiters, keys.topic_recipients)
if keys.type_log ~= keys.topic_log then waiters = waiters + add_to_topic(keys.type_log, keys.type_waiters, keys.type_recipients) end
if waiters == 0 then
  redis.call('ZREM', keys.due, 'e:' .. args.name)
  redis.call('PEXPIRE', keys.event, args.retention)
end
redis.call('ZADD', keys.recent_events, args.now, args.name)
redis.call('ZREMRANGEBYRANK', keys.recent_events, 0, -1001)
redis.call('PEXPIRE', keys.recent_events, args.retention)
redis.call('HSET', keys.event, 'woken', '0')
return {1, waiters}
