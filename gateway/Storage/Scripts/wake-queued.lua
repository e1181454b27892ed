-- Makes a run due after it got a place under its concurrency limit.
-- @include runs
-- @keys run, due
-- @arg run_id
-- @arg now
-- Answer: 1 the run is due or in flight; 0 the run has ended, is paused or is unknown, so it does not use its place
-- Invariant: a node that is about to postpone the run finds its turn in the field 'turn' (postpone-queued.lua).
local run = read_fields(keys.run, 'state', 'attempt', 'paused', 'postponed')
local in_flight = run.state == 'running' and run.postponed ~= run.attempt
if in_flight then return 1 end
if not is_open(run.state) or (run.state == 'waiting' and run.paused) then return 0 end
redis.call('HSET', keys.run, 'turn', run.attempt)
if run.state == 'waiting' then redis.call('HSET', keys.run, 'next', args.now) end
redis.call('ZADD', keys.due, args.now, args.run_id)
return 1
