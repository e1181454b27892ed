-- Stores a new run that is running under a lease, with the first report on one of its steps.
-- @include outcomes, creating, reports
-- @keys run, request, steps, pending, history, idempotency, unlisted, due
--   idempotency: the key of the request's Idempotency-Key; the run again where it has none
-- @arg run_id
-- @arg state               'running'
-- @arg owner, nonce        of the first attempt
-- @arg attempt             1
-- @arg due                 the end of the lease
-- @arg started, deadline
-- @arg route
-- @arg request             the request (RequestRecord.cs)
-- @arg failures            '0'
-- @arg lifetime            of the keys (ms)
-- @arg version             of the records
-- @arg now
-- @arg note                empty
-- @arg idempotency_value?  as in create.lua, and so are the next ones
-- @arg invoker?
-- @arg concurrency?
-- @arg binding?
-- @arg unreachable_since?
-- @arg search?
-- @arg step                as in step.lua, and so are the next ones
-- @arg max_steps
-- @arg report
-- @arg record?
-- @arg next_try?
-- @arg expected_tries?
-- @arg stuck_after?
-- @arg execution?
-- @arg why?
-- Answer: {owns, answer…}; owns is 1 if the attempt owns the run, otherwise 0; then the answer of step.lua | {value} the idempotency key
--   belongs to another run, and has this value
-- Invariant: that of create.lua and of step.lua. The run is written before the outcome, so a crash between the two leaves a run that a
-- repeated call completes, or the next attempt.
local run, refused = begin_run(keys, args, args.request)
if not run then return {refused} end
local answer = report_step(keys, run, args)
if refused then write_run_of_steps(keys, run) else write_new_run(keys, args, run) end
return {refused or 1, unpack(answer)}
