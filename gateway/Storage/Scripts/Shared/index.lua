-- Keeps the lists of runs that operators ask for. They are sorted sets of the shard, of run ids by the time of their start (ms):
--   ix:a all   ix:s:<state>   ix:r:<route>   ix:q:<state>:<route>   ix:p:<step>   ix:k:<hash of an idempotency key>
--   ix:x '<id> <final state, or ->  <route>' by the time at which the run's keys expire
-- Invariant: a run is in the sets of its own state only. Each run that is created removes two expired ones from the sets. A set that gets
-- no new runs expires with the last run that it had. The sets of steps and of keys hold the newest ten thousand runs.

local function remove_expired_runs(prefix, now)
  for _, entry in ipairs(redis.call('ZRANGEBYSCORE', prefix .. 'ix:x', '-inf', now, 'LIMIT', 0, 2)) do
    local id, state, route = string.match(entry, '^(%S+) (%S+) (.*)$')
    if redis.call('EXISTS', prefix .. 'run:' .. id) == 1 then
      redis.call('ZADD', prefix .. 'ix:x', tonumber(now) + 60000, entry)
    else
      redis.call('ZREM', prefix .. 'ix:a', id)
      redis.call('ZREM', prefix .. 'ix:r:' .. route, id)
      for _, name in ipairs(state == '-' and {'running', 'waiting'} or {state}) do
        redis.call('ZREM', prefix .. 'ix:s:' .. name, id)
        redis.call('ZREM', prefix .. 'ix:q:' .. name .. ':' .. route, id)
      end
      redis.call('ZREM', prefix .. 'ix:x', entry)
    end
  end
end

-- Adds a member to a set that lives at least as long as the member. Returns whether the member is new (1 or 0).
local function add_to_set(set, score, member, lifetime)
  local added = redis.call('ZADD', set, score, member)
  if redis.call('PTTL', set) < lifetime then redis.call('PEXPIRE', set, lifetime) end
  return added
end

local function final_state(state)
  return state ~= 'running' and state ~= 'waiting' and state or '-'
end

-- Few runs use a step name that contains an id, so no later run removes expired runs from its set. Such a set expires with its last run.
local function expire_sets_of_rare_steps(prefix, id)
  for _, step in ipairs(redis.call('HKEYS', prefix .. 'steps:' .. id)) do
    local name = string.gsub(step, '#%d+$', '')
    local set = prefix .. 'ix:p:' .. name
    if string.find(name, '%d') and redis.call('ZCARD', set) <= 8 then
      local lifetime = 0
      for _, other in ipairs(redis.call('ZRANGE', set, 0, -1)) do
        lifetime = math.max(lifetime, redis.call('PTTL', prefix .. 'run:' .. other))
      end
      if lifetime > 0 then redis.call('PEXPIRE', set, lifetime) end
    end
  end
end

-- Moves a run from the sets of one state to those of another.
-- from     nil for a new run
-- expires  when the run's keys expire, where the caller has just set that; nil: as before
local function index_state_change(run, from, to, expires)
  local prefix, id = string.match(run, '^(.-:)run:(.*)$')
  local fields = redis.call('HMGET', run, 'started', 'route')
  local started, route = fields[1], fields[2]
  -- It must be possible to end a run that cannot be read.
  if not route or not string.match(started or '', '^%d+$') then return end
  if from and from ~= to then
    redis.call('ZREM', prefix .. 'ix:s:' .. from, id)
    redis.call('ZREM', prefix .. 'ix:q:' .. from .. ':' .. route, id)
  end
  local lifetime = redis.call('PTTL', run)
  if not from or expires then
    add_to_set(prefix .. 'ix:a', started, id, lifetime)
    add_to_set(prefix .. 'ix:r:' .. route, started, id, lifetime)
  end
  if from ~= to then
    add_to_set(prefix .. 'ix:s:' .. to, started, id, lifetime)
    add_to_set(prefix .. 'ix:q:' .. to .. ':' .. route, started, id, lifetime)
  end
  if expires then
    if from and final_state(from) ~= final_state(to) then
      redis.call('ZREM', prefix .. 'ix:x', id .. ' ' .. final_state(from) .. ' ' .. route)
    end
    add_to_set(prefix .. 'ix:x', expires, id .. ' ' .. final_state(to) .. ' ' .. route, lifetime)
    if from then expire_sets_of_rare_steps(prefix, id) end
  end
end

-- Adds a run to a set that remove_expired_runs does not know of. Each run that is added removes the oldest ones that have expired.
local function add_to_capped_set(prefix, set, started, id, lifetime)
  if add_to_set(set, started, id, lifetime) == 0 then return end
  local oldest = redis.call('ZRANGE', set, 0, 2)
  local is_full = redis.call('ZCARD', set) > 10000
  for _, other in ipairs(oldest) do
    if is_full or (other ~= id and redis.call('EXISTS', prefix .. 'run:' .. other) == 0) then redis.call('ZREM', set, other) end
    is_full = false
  end
end

-- Adds a run to the set of a step's name. '#2' of the second use of a name is not part of the name.
local function index_step(run, step)
  local prefix, id = string.match(run, '^(.-:)run:(.*)$')
  local started = redis.call('HGET', run, 'started') or ''
  if not string.match(started, '^%d+$') then return end
  add_to_capped_set(prefix, prefix .. 'ix:p:' .. string.gsub(step, '#%d+$', ''), started, id, redis.call('PTTL', run))
end
