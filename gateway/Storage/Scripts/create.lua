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
local run = read_fields(keys.run, 'state', 'attempt', 'owner', 'nonce')
local exists = run.state ~= nil
if exists and not is_owner(run, args.attempt, args.owner, args.nonce) then return 0 end
if not exists and not args.record then return 'send' end
if exists then
  mark_for_index(keys, args.now)
  redis.call('HDEL', keys.run, 'postponed')
else
  redis.call('ZADD', keys.unlisted, args.now, args.run_id)
  redis.call('SET', keys.request, args.record, 'PX', args.lifetime)
  redis.call('HSET', keys.run, 'v', args.version, 'attempt', args.attempt, 'started', args.started, 'deadline', args.deadline,
    'policy', args.policy, 'route', args.route, 'trace', args.trace, 'nonce', args.nonce,
    'seq', '0', 'bytes', '0', 'completed', '0', 'failed', '0', 'expires', args.now + args.lifetime, 'ix', '*')
  if args.idempotency_value then
    redis.call('SET', keys.idempotency, args.idempotency_value, 'PX', args.lifetime)
    redis.call('HSET', keys.run, 'idem', keys.idempotency)
  end
  if args.invoker then redis.call('HSET', keys.run, 'parent', args.invoker) end
  if args.concurrency then redis.call('HSET', keys.run, 'gate', args.concurrency) end
  if args.binding then redis.call('HSET', keys.run, 'bound', args.binding) end
  if args.search then redis.call('HSET', keys.run, 'search', args.search) end
end
redis.call('HSET', keys.run, 'state', args.state, 'owner', args.state == 'waiting' and '' or args.owner, 'next', args.due,
  'failures', args.failures, 'why', args.note)
if args.unreachable_since then redis.call('HSET', keys.run, 'away', args.unreachable_since .. ':' .. args.attempt) end
if args.failures ~= '0' or args.unreachable_since then record_failure(keys.run, keys.due, args.run_id, args.now) end
if not exists then
  redis.call('HSET', keys.run, 'label', args.label)
  redis.call('PEXPIRE', keys.run, args.lifetime)
  if args.attempt == '0' then
    add_history(keys, args.started, 'q', 0, 0, '')
  else
    add_history(keys, args.started, 'a', args.attempt, 0, args.owner)
    if args.state == 'waiting' then add_history(keys, args.now, 'f', args.attempt, args.due, args.note) end
  end
end
redis.call('ZADD', keys.due, args.due, args.run_id)
return 1
