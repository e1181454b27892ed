-- Releases the idempotency key of a run, or takes it back.
-- The field 'idem' of a run names its key, and 'released' has the key and its value after it was released.

local function release_idempotency_key(run, run_id, key)
  local value = redis.call('GET', key)
  redis.call('HDEL', run, 'idem')
  if not value or string.sub(value, 1, #run_id) ~= run_id then return end
  redis.call('HSET', run, 'released', key .. ' ' .. value)
  redis.call('DEL', key)
end

-- Takes the key back, unless the key stands for another run by now.
local function reclaim_idempotency_key(run, released, lifetime, now)
  local key, value = string.match(released, '^(%S+) (.*):%d+$')
  redis.call('HDEL', run, 'released')
  if not key or redis.call('EXISTS', key) == 1 then return end
  redis.call('SET', key, value .. ':' .. math.floor((now + lifetime) / 1000), 'PX', lifetime)
  redis.call('HSET', run, 'idem', key)
end
