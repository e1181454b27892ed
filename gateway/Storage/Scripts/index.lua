-- Stands before every script that adds to a run's history or moves it from state to state (see Script.cs).
-- What operators ask for is answered from sorted sets of the shard, of run ids by the time of their start (ms):
--   ix:a all   ix:s:<state>   ix:r:<route>   ix:q:<state>:<route>   ix:p:<step>   ix:k:<hash of an idempotency key>
--   ix:x '<id> <final state, or ->  <route>' by the time at which the run's keys are gone
-- Keeps: a run is in the sets of its own state only. What has expired leaves the sets with the runs that come: two for each;
-- a set into which none come expires with the last run that it had. The sets of steps and of keys hold the newest ten thousand runs.
local function forget(at, now)
  for _, entry in ipairs(redis.call('ZRANGEBYSCORE', at .. 'ix:x', '-inf', now, 'LIMIT', 0, 2)) do
    local id, state, route = string.match(entry, '^(%S+) (%S+) (.*)$')
    if redis.call('EXISTS', at .. 'run:' .. id) == 1 then
      redis.call('ZADD', at .. 'ix:x', tonumber(now) + 60000, entry)
    else
      redis.call('ZREM', at .. 'ix:a', id)
      redis.call('ZREM', at .. 'ix:r:' .. route, id)
      for _, name in ipairs(state == '-' and {'running', 'waiting'} or {state}) do
        redis.call('ZREM', at .. 'ix:s:' .. name, id)
        redis.call('ZREM', at .. 'ix:q:' .. name .. ':' .. route, id)
      end
      redis.call('ZREM', at .. 'ix:x', entry)
    end
  end
end

local function put(set, score, member, left)
  local new = redis.call('ZADD', set, score, member)
  if redis.call('PTTL', set) < left then redis.call('PEXPIRE', set, left) end
  return new
end

local function final(state) return state ~= 'running' and state ~= 'waiting' and state or '-' end

-- A step's name that holds an id is used by few runs, so nobody comes to tidy its set: the set expires with the last of them.
local function outlive(at, id)
  for _, step in ipairs(redis.call('HKEYS', at .. 'steps:' .. id)) do
    local name = string.gsub(step, '#%d+$', '')
    local set = at .. 'ix:p:' .. name
    if string.find(name, '%d') and redis.call('ZCARD', set) <= 8 then
      local left = 0
      for _, other in ipairs(redis.call('ZRANGE', set, 0, -1)) do left = math.max(left, redis.call('PTTL', at .. 'run:' .. other)) end
      if left > 0 then redis.call('PEXPIRE', set, left) end
    end
  end
end

-- gone: when the run's keys expire, where that has just been set (nil: as before)
local function moved(run, from, to, gone)
  local at, id = string.match(run, '^(.-:)run:(.*)$')
  local of = redis.call('HMGET', run, 'started', 'route')
  -- A run that cannot be read is still to be ended.
  if not of[2] or not string.match(of[1] or '', '^%d+$') then return end
  if from and from ~= to then
    redis.call('ZREM', at .. 'ix:s:' .. from, id)
    redis.call('ZREM', at .. 'ix:q:' .. from .. ':' .. of[2], id)
  end
  local left = redis.call('PTTL', run)
  if not from or gone then
    put(at .. 'ix:a', of[1], id, left)
    put(at .. 'ix:r:' .. of[2], of[1], id, left)
  end
  if from ~= to then
    put(at .. 'ix:s:' .. to, of[1], id, left)
    put(at .. 'ix:q:' .. to .. ':' .. of[2], of[1], id, left)
  end
  if gone then
    if from and final(from) ~= final(to) then redis.call('ZREM', at .. 'ix:x', id .. ' ' .. final(from) .. ' ' .. of[2]) end
    put(at .. 'ix:x', gone, id .. ' ' .. final(to) .. ' ' .. of[2], left)
    if from then outlive(at, id) end
  end
end

-- Adds a run to a set that forget does not know of. Each run that comes removes the oldest that have expired.
local function join(at, set, started, id, left)
  if put(set, started, id, left) == 0 then return end
  local oldest = redis.call('ZRANGE', set, 0, 2)
  local many = redis.call('ZCARD', set) > 10000
  for _, other in ipairs(oldest) do
    if many or (other ~= id and redis.call('EXISTS', at .. 'run:' .. other) == 0) then redis.call('ZREM', set, other) end
    many = false
  end
end

-- '#2' of a name's second use is not part of the name.
local function stepped(run, step)
  local at, id = string.match(run, '^(.-:)run:(.*)$')
  local started = redis.call('HGET', run, 'started') or ''
  if string.match(started, '^%d+$') then join(at, at .. 'ix:p:' .. string.gsub(step, '#%d+$', ''), started, id, redis.call('PTTL', run)) end
end
