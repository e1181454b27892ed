-- Takes up a due run: one whose retry has come, or whose lease has run out.
-- KEYS  1 run, 2 request, 3 steps, 4 pending steps, 5 due-queue of the shard, 6 history
-- ARGV  1 run id, 2 now, 3 lease end, 4 new owner, 5 most bytes of steps to answer with, 6 nonce of the attempt,
--       7 most bytes of the request to answer with
-- Answer {0} not due or gone; else {1, attempt, v, failures, started, policy, route, request, outcomes, build, last, due, away, noinline, slept, id1, step1, id2, step2, …}:
--   the request, '' where it is larger, the number of stored outcomes, the id of the last event of a stream that can be resumed, since when the service cannot be reached
--   ('' where the last attempt did not fail by that), whether it refuses outcomes in headers, how many sleeps this call
--   completed, and the steps: all of them where they are small enough in all,
--   else the smallest ones, among the first thousand.
-- Keeps: the attempt number only rises; a run in the queue is claimed by one node at a time; what is gone leaves the queue; a sleep that is over has its
-- outcome, as if its handler had asked for it.
local score = redis.call('ZSCORE', KEYS[5], ARGV[1])
if not score or tonumber(score) > tonumber(ARGV[2]) then return {0} end
local run = redis.call('HMGET', KEYS[1], 'state', 'v', 'failures', 'started', 'policy', 'route', 'completed', 'failed', 'bytes', 'since', 'paused', 'deadline', 'build', 'lastid', 'away', 'noinline')
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
redis.call('HSET', KEYS[1], 'state', 'running', 'owner', ARGV[4], 'nonce', ARGV[6])
redis.call('ZADD', KEYS[5], ARGV[3], ARGV[1])
moved(KEYS[1], run[1], 'running')
note(KEYS[1], KEYS[6], ARGV[2], 'a', attempt, 0, ARGV[4])
local failures, completed, bytes, slept = run[3], tonumber(run[7]), tonumber(run[9]), 0
for _, step in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', ARGV[2])) do
  local value = redis.call('HGET', KEYS[3], step) or ''
  local colon = string.sub(value, 1, 1) == 'W' and string.find(value, ':', 1, true)
  if colon then
    local record = string.sub(value, colon + 1)
    redis.call('HSET', KEYS[3], step, 'C' .. redis.call('HINCRBY', KEYS[1], 'seq', 1) .. ':' .. record)
    failures, completed, bytes, slept = '0', completed + 1, bytes + #step + #record, slept + 1
    redis.call('HSET', KEYS[1], 'failures', failures, 'completed', completed, 'bytes', bytes)
    note(KEYS[1], KEYS[6], ARGV[2], 'C', attempt, 0, step)
  end
end
-- Any other step that was due by now is asked for anew by this attempt, or is no longer wanted by the handler.
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', ARGV[2])
local since, by = string.match(run[15] or '', '^(%d+):(%d+)$')
if not since or tonumber(by) ~= attempt - 1 then since = '' end
local request = redis.call('STRLEN', KEYS[2]) > tonumber(ARGV[7]) and '' or redis.call('GET', KEYS[2])
local answer = {1, attempt, run[2], failures, run[10] or run[4], run[5], run[6], request, completed + tonumber(run[8]), run[13] or '', run[14] or '', score, since, run[16] or '', slept}
local left = tonumber(ARGV[5])
if bytes <= left then
  for _, item in ipairs(redis.call('HGETALL', KEYS[3])) do answer[#answer + 1] = item end
  return answer
end
local sizes = {}
for i, step in ipairs(redis.call('HKEYS', KEYS[3])) do
  if i > 1000 then break end
  sizes[i] = {redis.call('HSTRLEN', KEYS[3], step) + #step, step}
end
table.sort(sizes, function(one, other) return one[1] < other[1] end)
for _, size in ipairs(sizes) do
  left = left - size[1]
  if left < 0 then break end
  answer[#answer + 1] = size[2]
  answer[#answer + 1] = redis.call('HGET', KEYS[3], size[2])
end
return answer
