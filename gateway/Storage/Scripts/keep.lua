-- Extends the lease of a run's permit; a run whose lease ran out is in again, and waits no longer.
-- KEYS  1 those who are in, 2 those who wait, 3 how many wait at each gate of the shard, 4 the permits of those who are in
-- ARGV  1 run id, 2 now, 3 lease end, 4 the permit, 5 how long those who are in are kept (ms), 6 the gate
-- Answer 1
-- Keeps: who is in does not wait. Its turn would come with its own leaving, and make a run due that is parked for later.
hold(KEYS[1], KEYS[4], ARGV[1], ARGV[2], ARGV[4], ARGV[3])
if redis.call('ZREM', KEYS[2], ARGV[1]) == 1 then count(KEYS[3], ARGV[6], KEYS[2]) end
last(KEYS, ARGV[5])
return 1
