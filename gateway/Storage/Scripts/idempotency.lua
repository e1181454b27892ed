-- Stands before the scripts that release an idempotency key or take it back (see Script.cs).
-- A run's field 'idem' names the key that stands for it, and 'released' keeps the key and its value after it was released.
local function release(run, id, key)
  local value = redis.call('GET', key)
  redis.call('HDEL', run, 'idem')
  if not value or string.sub(value, 1, #id) ~= id then return end
  redis.call('HSET', run, 'released', key .. ' ' .. value)
  redis.call('DEL', key)
end

-- A run that goes on takes its key back, unless the key stands for another run by now.
local function reclaim(run, released, life, now)
  local key, value = string.match(released, '^(%S+) (.*):%d+$')
  redis.call('HDEL', run, 'released')
  if not key or redis.call('EXISTS', key) == 1 then return end
  redis.call('SET', key, value .. ':' .. math.floor((now + life) / 1000), 'PX', life)
  redis.call('HSET', run, 'idem', key)
end
