-- Counts a page of the runs of a set, which have been acted on.
-- KEYS  1 the set action, 2 due-queue of the shard
-- ARGV  1 its id, 2 now, 3 when somebody else goes on, should this caller be gone, 4 the cursor of the page, 5 that of the next page,
--       6 how many it was done to, 7 how many refused, 8 'running' | 'completed' | 'failed', 9 why it failed
-- Answer the state that it is in; '' where this page is not the next one: somebody else is further, or it has ended
-- Keeps: each page is counted once; what has ended stays as it is, and is in no queue.
local set = redis.call('HMGET', KEYS[1], 'state', 'cursor', 'done', 'refused')
if (set[1] ~= 'running' and set[1] ~= 'stopping') or set[2] ~= ARGV[4] then
  if set[1] ~= 'running' and set[1] ~= 'stopping' then redis.call('ZREM', KEYS[2], 'a:' .. ARGV[1]) end
  return ''
end
local state = ARGV[8]
if state == 'running' and set[1] == 'stopping' then state = 'stopped' end
redis.call('HSET', KEYS[1], 'state', state, 'cursor', ARGV[5], 'done', set[3] + ARGV[6], 'refused', set[4] + ARGV[7],
  'ended', state == 'running' and '' or ARGV[2], 'problem', ARGV[9])
if state == 'running' then
  redis.call('ZADD', KEYS[2], ARGV[3], 'a:' .. ARGV[1])
else
  redis.call('ZREM', KEYS[2], 'a:' .. ARGV[1])
end
return state
