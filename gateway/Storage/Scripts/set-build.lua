-- Notes the build of the service whose steps a run has.
-- @keys run
-- @arg build
-- Answer: 1 noted, 0 a build is noted already, or the run is unknown
-- Invariant: the first build that is reported counts. The script does not bring back a run that has expired.
if redis.call('EXISTS', keys.run) == 0 then return 0 end
return redis.call('HSETNX', keys.run, 'build', args.build)
