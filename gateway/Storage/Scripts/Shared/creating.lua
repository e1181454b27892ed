-- Creates a run.
-- @include runs, index, history, outcomes, notices

-- Begins a run: reads it if it exists, otherwise sets its fields. write_new_run writes it.
-- keys     run, request, history, idempotency, unlisted, due
-- args     those of create.lua, but for the record
-- request  the request, sealed; nil if the caller only asks
-- Returns the run, and the answer of create.lua if the caller does not own it.
local function begin_run(keys, args, request)
  if args.idempotency_value then
    local taken = redis.call('GET', keys.idempotency)
    if taken and string.sub(taken, 1, #args.run_id) ~= args.run_id then return nil, taken end
  end
  local run = run_of_steps({changes = {}})
  -- The first call that writes the request creates the run. If a server died right after that, the run itself is still missing.
  local is_first = request and redis.call('SET', keys.request, request, 'NX', 'PX', args.lifetime)
  if not is_first then
    run = read_run_of_steps(keys.run, 'owner', 'fell', 'postponed')
    if run.state and not is_owner(run, args.attempt, args.owner, args.nonce) then return run, 0 end
    if not run.state and not request then return run, 'send' end
    if run.postponed then redis.call('HDEL', keys.run, 'postponed') end
  end
  run.is_new = not run.state
  if run.is_new then run.ix = nil end
  mark_for_index(keys, run, args.now)
  if run.is_new then
    set_fields(run, 'v', args.version, 'attempt', args.attempt, 'started', args.started, 'deadline', args.deadline, 'route', args.route,
      'nonce', args.nonce, 'expires', args.now + args.lifetime)
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
    end
  end
  if args.state == 'waiting' and args.attempt ~= '0' then 
    add_history(keys, run, args.now, 'f', args.attempt, args.due, args.note, args.why)
  end
  set_fields(run, 'state', args.state, 'owner', args.state == 'waiting' and '' or args.owner, 'next', args.due)
  if args.failures ~= (run.failures or '0') then set_fields(run, 'failures', args.failures) end
  if args.unreachable_since then set_fields(run, 'away', args.unreachable_since .. ':' .. args.attempt) end
  if args.failures ~= '0' or args.unreachable_since then record_failure(run, keys.due, args.run_id, args.now) end
  return run
end

-- Writes a run, with what was reported on its steps.
local function write_new_run(keys, args, run)
  write_run_of_steps(keys, run)
  if run.is_new then redis.call('PEXPIRE', keys.run, args.lifetime) end
  redis.call('ZADD', keys.due, args.due, args.run_id)
end
