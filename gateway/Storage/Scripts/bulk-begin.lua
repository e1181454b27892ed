-- Stores a bulk action.
-- @keys bulk_action, bulk_actions, due
-- @arg id
-- @arg now
-- @arg taken_until  when another node continues if the caller has died
-- @arg lifetime     how long the store keeps the bulk action (ms)
-- @arg verb         the action
-- @arg filter       the runs, sealed
-- @arg who          the operator
-- Answer: 1 stored, 0 it already exists
-- Invariant: a running bulk action is in the due queue.
if redis.call('EXISTS', keys.bulk_action) == 1 then return 0 end
redis.call('ZADD', keys.due, args.taken_until, 'a:' .. args.id)
redis.call('HSET', keys.bulk_action, 'state', 'running', 'verb', args.verb, 'filter', args.filter, 'who', args.who, 'started', args.now,
  'cursor', '', 'done', '0', 'refused', '0')
redis.call('PEXPIRE', keys.bulk_action, args.lifetime)
redis.call('ZADD', keys.bulk_actions, args.now, args.id)
redis.call('ZREMRANGEBYRANK', keys.bulk_actions, 0, -101)
redis.call('PEXPIRE', keys.bulk_actions, args.lifetime)
return 1
