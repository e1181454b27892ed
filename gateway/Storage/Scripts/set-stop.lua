-- Asks whoever is at work on a set of runs to stop after the page in hand.
-- KEYS  1 the set action
-- Answer 1 asked, 0 it is not under way
if redis.call('HGET', KEYS[1], 'state') ~= 'running' then return 0 end
redis.call('HSET', KEYS[1], 'state', 'stopping')
return 1
