-- Takes up a due run: one whose retry has come, or whose lease has run out.
-- KEYS  1 run, 2 request, 3 steps, 4 pending steps, 5 due-queue of the shard, 6 history
-- ARGV  1 run id, 2 now, 3 lease end, 4 new owner, 5 most bytes of steps to answer with
-- Answer {0} not due or gone; else {1, attempt, v, failures, started, policy, route, request, outcomes, build, last, due, id1, step1, id2, step2, …}:
--   the number of stored outcomes, the id of the last event of a stream that can be resumed, and the steps themselves where they are small enough in all.
-- Keeps: the attempt number only rises; a run in the queue is claimed by one node at a time; what is gone leaves the queue.
local score = redis.call('ZSCORE', KEYS[5], ARGV[1])
if not score or tonumber(score) > tonumber(ARGV[2]) then return {0} end
local run = redis.call('HMGET', KEYS[1], 'state', 'v', 'failures', 'started', 'policy', 'route', 'completed', 'failed', 'bytes', 'since', 'paused', 'deadline', 'build', 'lastid')
if run[1] ~= 'running' and run[1] ~= 'waiting' then
  redis.call('ZREM', KEYS[5], ARGV[1])
  return {0}
end
-- A paused run is put off until its deadline, which ends it all the same; of a node that has died, nothing is left in flight.
if run[11] and tonumber(run[12]) > tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], 'state', 'waiting', 'owner', '')
  redis.call('ZADD', KEYS[5], run[12], ARGV[1])
  moved(KEYS[1], run[1], 'waiting')
  return {0}
end
local attempt = redis.call('HINCRBY', KEYS[1], 'attempt', 1)
redis.call('HSET', KEYS[1], 'state', 'running', 'owner', ARGV[4])
redis.call('ZADD', KEYS[5], ARGV[3], ARGV[1])
moved(KEYS[1], run[1], 'running')
note(KEYS[1], KEYS[6], ARGV[2], 'a', attempt, 0, ARGV[4])
-- A step that was due by now is asked for anew by this attempt, or is no longer wanted by the handler.
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', ARGV[2])
local answer = {1, attempt, run[2], run[3], run[10] or run[4], run[5], run[6], redis.call('GET', KEYS[2]), tonumber(run[7]) + tonumber(run[8]), run[13] or '', run[14] or '', score}
if tonumber(run[9]) > tonumber(ARGV[5]) then return answer end
for _, item in ipairs(redis.call('HGETALL', KEYS[3])) do answer[#answer + 1] = item end
return answer
