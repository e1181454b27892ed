-- Applies an operator's action to a run.
-- @include runs, history, idempotency
-- @keys run, history, due
-- @arg run_id
-- @arg action  'retry' | 'pause' | 'resume' | 'again' (a new run repeats this one) | 'release-key'
-- @arg now
-- @arg note    for the history: the action and the operator
-- Answer: {'done'} | {'unknown'} | {'refused', state, '1' if the run is paused}
-- Invariant: the action does not affect an attempt in flight. A paused run is in the queue and due at its deadline, which ends it
-- (claim.lua).
local run = read_fields(keys.run, 'state', 'attempt', 'deadline', 'paused', 'idem', 'noted', 'expires')
if not run.state then return {'unknown'} end
local open, waiting = is_open(run.state), run.state == 'waiting'
local allowed = {
  ['again'] = true,
  ['retry'] = waiting and not run.paused,
  ['pause'] = open and not run.paused,
  ['resume'] = open and run.paused,
  ['release-key'] = not open and run.idem,
}
if not allowed[args.action] then return {'refused', run.state, run.paused or ''} end
if args.action == 'pause' then
  set_fields(run, 'paused', '1')
elseif args.action == 'resume' then
  redis.call('HDEL', keys.run, 'paused')
elseif args.action == 'release-key' then
  release_idempotency_key(keys.run, args.run_id, run.idem)
end
if waiting and args.action == 'pause' then
  redis.call('ZADD', keys.due, run.deadline, args.run_id)
elseif waiting and args.action ~= 'again' then
  set_fields(run, 'next', args.now)
  redis.call('ZADD', keys.due, args.now, args.run_id)
end
add_history(keys, run, args.now, 'o', run.attempt, 0, args.note)
write_fields(run, keys.run)
return {'done'}
