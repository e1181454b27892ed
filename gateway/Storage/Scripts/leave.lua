-- A run leaves a gate, or its queue; those whose turn comes by that are let in.
-- KEYS  1 those who are in, 2 those who wait, 3 how many wait at each gate of the shard
-- ARGV  1 run id, 2 now, 3 the most that may be in, 4 until when those who are let in are waited for, 5 the gate
-- Answer those whose turn has come
-- Keeps: as enter.lua.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[2])
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
local next = admit(KEYS[1], KEYS[2], ARGV[2], tonumber(ARGV[3]), ARGV[4])
count(KEYS[3], ARGV[5], KEYS[2])
return next
