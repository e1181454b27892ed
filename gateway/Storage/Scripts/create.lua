-- Stores a new run, either running under a lease or waiting until it is due.
-- @include runs, index, history, notices
-- @keys run, request, history, idempotency, unlisted, due
--   idempotency: the key of the request's Idempotency-Key; the run again where it has none
-- @arg run_id
-- @arg state               'running' or 'waiting'
-- @arg owner, nonce        of the first attempt
-- @arg attempt             1; 0 if there is no attempt yet
-- @arg due                 the end of the lease, or when the next attempt is due
-- @arg started, deadline
-- @arg policy, route
-- @arg record?             the request, sealed; without it the script only says whether the record is needed
-- @arg failures            '1' if the first attempt failed and the failure counts, otherwise '0'
-- @arg lifetime            of the keys (ms)
-- @arg version             of the records
-- @arg now
-- @arg note                on the first attempt, if it failed (AttemptNote.cs); may be empty
-- @arg trace               trace parent of the client's request; may be empty
-- @arg idempotency_value?  the value of the idempotency key: '<run id>:…'
-- @arg invoker?            the run and the step that invoked this run
-- @arg concurrency?        the concurrency limit of the run
-- @arg binding?            the binding of the result
-- @arg unreachable_since?  if the service could not be reached
-- @arg search?             hashes by which operators find the run, separated by spaces
-- @arg label               method and path, sealed
-- Answer: 1 written; 'send' the record is needed; 0 the run exists and its first attempt is over; otherwise the value of the idempotency
--   key, which belongs to another run
-- Invariant: a run is created once. It is in the due queue from the beginning, so a crash cannot lose it. A caller that got no answer may
-- call again while its first attempt is the run's last one. An idempotency key belongs to one run.
if args.idempotency_value then
  local taken = redis.call('GET', keys.idempotency)
  if taken and string.sub(taken, 1, #args.run_id) ~= args.run_id then return taken end
end
local run = {changes = {}}
-- The first call that writes the request creates the run. If a server died right after that, the run itself is still missing.
local is_first = args.record and redis.call('SET', keys.request, args.record, 'NX', 'PX', args.lifetime)
if not is_first then
  run = read_fields(keys.run, 'state', 'attempt', 'owner', 'nonce', 'ix', 'seq', 'fell', 'postponed')
  if run.state and not is_owner(run, args.attempt, args.owner, args.nonce) then return 0 end
  if not run.state and not args.record then return 'send' end
  if run.postponed then redis.call('HDEL', keys.run, 'postponed') end
end
local is_new = not run.state
if is_new then run.ix = nil end
mark_for_index(keys, run, args.now)
if is_new then
  set_fields(run, 'v', args.version, 'attempt', args.attempt, 'started', args.started, 'deadline', args.deadline, 'policy', args.policy,
    'route', args.route, 'trace', args.trace, 'nonce', args.nonce, 'label', args.label, 'seq', '0', 'bytes', '0', 'completed', '0',
    'failed', '0', 'expires', args.now + args.lifetime)
  if args.idempotency_value then
    redis.call('SET', keys.idempotency, args.idempotency_value, 'PX', args.lifetime)
    set_fields(run, 'idem', keys.idempotency)
  end
  if args.invoker then set_fields(run, 'parent', args.invoker) end
  if args.concurrency then set_fields(run, 'limit', args.concurrency) end
  if args.binding then set_fields(run, 'bound', args.binding) end
  if args.search then set_fields(run, 'search', args.search) end
  if args.attempt == '0' then
    add_history(keys, run, args.started, 'q', 0, 0, '')
  else
    add_history(keys, run, args.started, 'a', args.attempt, 0, args.owner)
    if args.state == 'waiting' then add_history(keys, run, args.now, 'f', args.attempt, args.due, args.note) end
  end
end
set_fields(run, 'state', args.state, 'owner', args.state == 'waiting' and '' or args.owner, 'next', args.due, 'failures', args.failures,
  'why', args.note)
if args.unreachable_since then set_fields(run, 'away', args.unreachable_since .. ':' .. args.attempt) end
if args.failures ~= '0' or args.unreachable_since then record_failure(run, keys.due, args.run_id, args.now) end
write_fields(run, keys.run)
if is_new then redis.call('PEXPIRE', keys.run, args.lifetime) end
redis.call('ZADD', keys.due, args.due, args.run_id)
return 1
