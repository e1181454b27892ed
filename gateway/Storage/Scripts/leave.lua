-- A run leaves a gate, or its queue; those whose turn comes by that are let in.
-- KEYS  1 those who are in, 2 those who wait
-- ARGV  1 run id, 2 now, 3 the most that may be in, 4 until when those who are let in are waited for
-- Answer those whose turn has come
-- Keeps: as enter.lua.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[2])
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return admit(KEYS[1], KEYS[2], ARGV[2], tonumber(ARGV[3]), ARGV[4])
