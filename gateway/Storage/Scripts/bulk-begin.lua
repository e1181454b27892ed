-- Stores a bulk action: what is to be done to a set of runs.
-- @keys bulk_action, bulk_actions, due
-- @arg id
-- @arg now
-- @arg taken_until  when another node goes on, should the caller be gone
-- @arg lifetime     how long the bulk action is kept (ms)
-- @arg verb         what is to be done
-- @arg filter       which runs, sealed
-- @arg who          the operator
-- Answer: 1 stored, 0 it was there already
-- Invariant: a bulk action that is under way is in the due-queue.
if redis.call('EXISTS', keys.bulk_action) == 1 then return 0 end
redis.call('ZADD', keys.due, args.taken_until, 'a:' .. args.id)
redis.call('HSET', keys.bulk_action, 'state', 'running', 'verb', args.verb, 'filter', args.filter, 'who', args.who, 'started', args.now,
  'cursor', '', 'done', '0', 'refused', '0')
redis.call('PEXPIRE', keys.bulk_action, args.lifetime)
redis.call('ZADD', keys.bulk_actions, args.now, args.id)
redis.call('ZREMRANGEBYRANK', keys.bulk_actions, 0, -101)
redis.call('PEXPIRE', keys.bulk_actions, args.lifetime)
return 1
