-- Says when a run may start, and reserves that time.
-- KEYS  1 the starts of the last window, and those to come
-- ARGV  1 run id, 2 now, 3 starts per window, 4 window (ms)
-- Answer the time of its start
-- Keeps: in no window are there more starts than may be; runs start in the order in which they asked; who asks again is told the same.
local known = redis.call('ZSCORE', KEYS[1], ARGV[1])
if known then return known end
local now, permits, window = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
local start = now
local nth = redis.call('ZRANGE', KEYS[1], -permits, -permits, 'WITHSCORES')
if nth[2] then start = math.max(start, tonumber(nth[2]) + window) end
start = string.format('%.0f', start)
redis.call('ZADD', KEYS[1], start, ARGV[1])
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', tonumber(start) - now + window))
return start
