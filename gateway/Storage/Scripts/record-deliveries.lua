-- Removes the recipients to which an event was delivered.
-- @keys event, topic_recipients, type_recipients, due
-- @arg name         of the event
-- @arg woken        the number of runs that it woke
-- @arg taken_until  when another node continues if the caller has died
-- @arg retention    how long the store keeps the event after its delivery (ms)
-- @arg recipients*  the recipients to which it was delivered
-- Answer: 1 there are more recipients, 0 there are none
-- Invariant: an event stays in the due queue until it has no recipients.
for _, recipient in ipairs(args.recipients) do
  redis.call('ZREM', keys.topic_recipients, recipient)
  redis.call('ZREM', keys.type_recipients, recipient)
end
if redis.call('HEXISTS', keys.event, 'woken') == 1 then redis.call('HINCRBY', keys.event, 'woken', args.woken) end
if redis.call('EXISTS', keys.topic_recipients) + redis.call('EXISTS', keys.type_recipients) > 0 then
  redis.call('ZADD', keys.due, args.taken_until, 'e:' .. args.name)
  return 1
end
redis.call('ZREM', keys.due, 'e:' .. args.name)
redis.call('PEXPIRE', keys.event, args.retention)
return 0
