-- Asks the node that works on a bulk action to stop after its current page.
-- @keys bulk_action
-- Answer: 1 asked, 0 the bulk action is not running
-- Invariant: a bulk action that has ended does not change.
if redis.call('HGET', keys.bulk_action, 'state') ~= 'running' then return 0 end
redis.call('HSET', keys.bulk_action, 'state', 'stopping')
return 1
