-- A concurrency limit bounds how many runs are in flight at once.
--   holders  sorted set of the runs that have a place, scored by the end of their lease
--   permits  hash of the permits of those runs: '<permit>=<lease end> …' for each
--   queue    sorted set of the runs that wait for a place, in their order
-- A run that gets a place from the queue has no permit: the place is reserved until its lease ends. A run can have several permits for a
-- short time, for example when a node acquires a place and then loses the claim. The permits of a run share one place. Releasing the last
-- permit frees the place.

local function remove_expired_holders(holders, permits, now)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', holders, '-inf', now)) do
    redis.call('ZREM', holders, id)
    redis.call('HDEL', permits, id)
  end
end

-- Sets the lease of a permit; nil removes the permit. The run keeps its place while it has a permit.
local function set_permit(holders, permits, id, now, permit, lease_end)
  local kept, last = {}, 0
  for name, ends in string.gmatch(redis.call('HGET', permits, id) or '', '(%S+)=(%d+)') do
    if name ~= permit and tonumber(ends) > tonumber(now) then
      kept[#kept + 1] = name .. '=' .. ends
      last = math.max(last, tonumber(ends))
    end
  end
  if lease_end then
    kept[#kept + 1] = permit .. '=' .. lease_end
    last = math.max(last, tonumber(lease_end))
  end
  if #kept == 0 then
    redis.call('ZREM', holders, id)
    redis.call('HDEL', permits, id)
  else
    redis.call('ZADD', holders, string.format('%.0f', last), id)
    redis.call('HSET', permits, id, table.concat(kept, ' '))
  end
end

-- Gives free places to the runs that have waited longest, and returns those runs.
local function admit_from_queue(holders, queue, limit, reserved_until)
  local free = limit - redis.call('ZCARD', holders)
  if free <= 0 then return {} end
  local admitted = redis.call('ZRANGE', queue, 0, free - 1)
  for _, id in ipairs(admitted) do
    redis.call('ZREM', queue, id)
    redis.call('ZADD', holders, reserved_until, id)
  end
  return admitted
end

-- Stores the length of the queue in the sorted set of all limits of the shard. Metrics read that set.
local function update_queue_length(lengths, name, queue)
  local length = redis.call('ZCARD', queue)
  if length == 0 then redis.call('ZREM', lengths, name) else redis.call('ZADD', lengths, length, name) end
end

-- Redis deletes an empty set together with its expiry, so each script that may add to a set also sets the expiry. It never shortens one.
local function extend_expiry(all_keys, lifetime)
  for _, key in ipairs(all_keys) do
    local left = redis.call('PTTL', key)
    if left == -1 or (left >= 0 and left < tonumber(lifetime)) then redis.call('PEXPIRE', key, lifetime) end
  end
end
