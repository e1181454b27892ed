-- Extends the lease of a run's permit; a run whose lease ran out is in again.
-- KEYS  1 those who are in, 2 the permits of those who are in
-- ARGV  1 run id, 2 now, 3 lease end, 4 the permit, 5 how long those who are in are kept (ms)
-- Answer 1
hold(KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[4], ARGV[3])
last(KEYS, ARGV[5])
return 1
