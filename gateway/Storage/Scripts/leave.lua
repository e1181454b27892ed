-- A run leaves a gate, or its queue; those whose turn comes by that are let in.
-- KEYS  1 those who are in, 2 those who wait, 3 how many wait at each gate of the shard, 4 the permits of those who are in
-- ARGV  1 run id, 2 now, 3 the most that may be in, 4 until when those who are let in are waited for, 5 the gate,
--       6 the permit that is given back ('': nobody comes for the run's place, which is free unless somebody has a permit for it),
--       7 how long those who wait are kept (ms)
-- Answer those whose turn has come
-- Keeps: as enter.lua. A place is left with its last permit, so who gives one back late takes it from nobody.
expire(KEYS[1], KEYS[4], ARGV[2])
if ARGV[6] ~= '' then
  if redis.call('HEXISTS', KEYS[4], ARGV[1]) == 1 then hold(KEYS[1], KEYS[4], ARGV[1], ARGV[2], ARGV[6]) end
elseif redis.call('HEXISTS', KEYS[4], ARGV[1]) == 0 then
  redis.call('ZREM', KEYS[1], ARGV[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
end
local next = admit(KEYS[1], KEYS[2], tonumber(ARGV[3]), ARGV[4])
count(KEYS[3], ARGV[5], KEYS[2])
last(KEYS, ARGV[7])
return next
