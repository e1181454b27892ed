-- Stands before the scripts of a gate (see Script.cs): a place that only so many runs may be in at once.
-- holders: sorted set of the runs that are in, by the end of their lease. owners: hash of their permits, '<permit>=<lease end> …' for each run.
-- queue: sorted set of those who wait, in their order. A run that is let in from there has no permit: its place is reserved until its lease ends.
-- A run may have several permits for a moment: of an attempt that is about to leave, of a node that enters and loses the claim. They share
-- one place, and the place is left with the last of them.
local function expire(holders, owners, now)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', holders, '-inf', now)) do
    redis.call('ZREM', holders, id)
    redis.call('HDEL', owners, id)
  end
end

-- Sets the lease of a permit, or drops the permit where there is no lease. The place is the run's for as long as it has a permit.
local function hold(holders, owners, id, now, permit, lease)
  local kept, last = {}, 0
  for name, ends in string.gmatch(redis.call('HGET', owners, id) or '', '(%S+)=(%d+)') do
    if name ~= permit and tonumber(ends) > tonumber(now) then
      kept[#kept + 1] = name .. '=' .. ends
      last = math.max(last, tonumber(ends))
    end
  end
  if lease then
    kept[#kept + 1] = permit .. '=' .. lease
    last = math.max(last, tonumber(lease))
  end
  if #kept == 0 then
    redis.call('ZREM', holders, id)
    redis.call('HDEL', owners, id)
  else
    redis.call('ZADD', holders, string.format('%.0f', last), id)
    redis.call('HSET', owners, id, table.concat(kept, ' '))
  end
end

local function admit(holders, queue, limit, reservation)
  local free = limit - redis.call('ZCARD', holders)
  if free <= 0 then return {} end
  local first = redis.call('ZRANGE', queue, 0, free - 1)
  for _, id in ipairs(first) do
    redis.call('ZREM', queue, id)
    redis.call('ZADD', holders, reservation, id)
  end
  return first
end

-- How many wait at each gate of the shard is in one sorted set for all of them, for who wants to know how long the queues are.
local function count(waiting, gate, queue)
  local many = redis.call('ZCARD', queue)
  if many == 0 then redis.call('ZREM', waiting, gate) else redis.call('ZADD', waiting, many, gate) end
end

-- A set that has become empty is gone, and its expiry with it: each script that may add to one sets it. None is made shorter.
local function last(keys, lifetime)
  for _, key in ipairs(keys) do
    local left = redis.call('PTTL', key)
    if left == -1 or (left >= 0 and left < tonumber(lifetime)) then redis.call('PEXPIRE', key, lifetime) end
  end
end
