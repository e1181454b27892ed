-- Records which build of the service wrote the steps of a run.
-- @keys run
-- @arg build
-- Answer: 1 recorded, 0 a build is already recorded, or the run is unknown
-- Invariant: the first reported build counts. The script does not recreate a run that has expired.
if redis.call('EXISTS', keys.run) == 0 then return 0 end
return redis.call('HSETNX', keys.run, 'build', args.build)
