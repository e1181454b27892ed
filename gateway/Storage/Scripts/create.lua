-- Stores a new run, either running under a lease or waiting until it is due.
-- @include creating
-- @keys run, request, history, idempotency, unlisted, due
--   idempotency: the key of the request's Idempotency-Key; the run again where it has none
-- @arg run_id
-- @arg state               'running' or 'waiting'
-- @arg owner, nonce        of the first attempt
-- @arg attempt             1; 0 if there is no attempt yet
-- @arg due                 the end of the lease, or when the next attempt is due
-- @arg started, deadline
-- @arg route
-- @arg record?             the request (RequestRecord.cs); without it the script only says whether the record is needed
-- @arg failures            '1' if the first attempt failed and the failure counts, otherwise '0'
-- @arg lifetime            of the keys (ms)
-- @arg version             of the records
-- @arg now
-- @arg note                on the first attempt, if it failed (AttemptNote.cs); may be empty
-- @arg why?                what the service said, sealed
-- @arg idempotency_value?  the value of the idempotency key: '<run id>:…'
-- @arg invoker?            the run and the step that invoked this run
-- @arg concurrency?        the concurrency limit of the run
-- @arg binding?            the binding of the result
-- @arg unreachable_since?  if the service could not be reached
-- @arg search?             hashes by which operators find the run, separated by spaces
-- Answer: 1 written; 'send' the record is needed; 0 the run exists and its first attempt is over; otherwise the value of the idempotency
--   key, which belongs to another run
-- Invariant: a run is created once. It is in the due queue from the beginning, so a crash cannot lose it. A caller that got no answer may
-- call again while its first attempt is the run's last one. An idempotency key belongs to one run.
local run, answer = begin_run(keys, args, args.record)
if answer then return answer end
write_new_run(keys, args, run)
return 1
