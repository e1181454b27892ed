-- Notes the build of the service whose steps a run has.
-- KEYS  1 run
-- ARGV  1 the build
-- Answer 1 noted, 0 one is noted already, or the run is unknown
-- Keeps: the first build that is said counts; of a run that has expired nothing is left behind.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
return redis.call('HSETNX', KEYS[1], 'build', ARGV[1])
