-- Lets a run through a gate, or has it wait its turn.
-- KEYS  1 those who are in, 2 those who wait, 3 how many wait at each gate of the shard, 4 the permits of those who are in
-- ARGV  1 run id, 2 now, 3 lease end, 4 the most that may be in, 5 its place in the order, 6 until when those who are let in from the
--       queue are waited for, 7 how long those who wait are kept (ms), 8 the gate, 9 the permit ('': the caller only asks, and who is
--       let in is waited for until the lease end)
-- Answer {1, 0, woken…} it is in | {0, how many are before it, woken…}; woken are those whose turn has come
-- Keeps: no more are in than may be; nobody overtakes who is before it in the order; who is gone has left when its lease ends.
expire(KEYS[1], KEYS[4], ARGV[2])
local limit = tonumber(ARGV[4])
local inside = redis.call('ZSCORE', KEYS[1], ARGV[1])
local before = 0
if not inside then
  local rank = redis.call('ZRANK', KEYS[2], ARGV[1])
  if not rank then rank = redis.call('ZCOUNT', KEYS[2], '-inf', ARGV[5]) end
  rank = tonumber(rank)
  if limit - redis.call('ZCARD', KEYS[1]) > rank then
    redis.call('ZREM', KEYS[2], ARGV[1])
    redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
    inside = true
  else
    if not redis.call('ZSCORE', KEYS[2], ARGV[1]) then redis.call('ZADD', KEYS[2], ARGV[5], ARGV[1]) end
    before = rank
  end
end
local answer = {0, before}
for _, id in ipairs(admit(KEYS[1], KEYS[2], limit, ARGV[6])) do
  -- A run whose own turn it was just now is not told by somebody else.
  if id == ARGV[1] then inside = true else answer[#answer + 1] = id end
end
if inside then
  answer[1], answer[2] = 1, 0
  if ARGV[9] ~= '' then hold(KEYS[1], KEYS[4], ARGV[1], ARGV[2], ARGV[9], ARGV[3]) end
end
count(KEYS[3], ARGV[8], KEYS[2])
last(KEYS, ARGV[7])
return answer
