-- Stands before the scripts of a gate (see Script.cs): a place that only so many runs may be in at once.
-- Those who are in stand in one sorted set, with the end of their lease; those who want to in another, in their order. Who is let in from
-- there has a lease of its own to begin with: should nobody come for it, the next one's turn comes when that ends.
local function admit(holders, queue, now, limit, reservation)
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
