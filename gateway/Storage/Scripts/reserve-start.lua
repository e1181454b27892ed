-- Returns when a run may start under a rate limit, and reserves that time.
-- @keys starts
-- @arg run_id
-- @arg now
-- @arg permits  the maximum number of starts in a window
-- @arg window   (ms)
-- Answer: the start time
-- Invariant: no window has more starts than permits. Runs start in the order of their calls. A repeated call gets the same answer.
local known = redis.call('ZSCORE', keys.starts, args.run_id)
if known then return known end
local now, permits, window = tonumber(args.now), tonumber(args.permits), tonumber(args.window)
redis.call('ZREMRANGEBYSCORE', keys.starts, '-inf', now - window)
local start = now
local nth = redis.call('ZRANGE', keys.starts, -permits, -permits, 'WITHSCORES')
if nth[2] then start = math.max(start, tonumber(nth[2]) + window) end
start = string.format('%.0f', start)
redis.call('ZADD', keys.starts, start, args.run_id)
redis.call('PEXPIRE', keys.starts, string.format('%.0f', tonumber(start) - now + window))
return start
