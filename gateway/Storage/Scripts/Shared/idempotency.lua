-- Releases the idempotency key of a run, or reclaims it.
-- The run's field 'idem' names its key. After a release, the field 'released' holds the key and its value.

local function release_idempotency_key(run, run_id, key)
  local value = redis.call('GET', key)
  redis.call('HDEL', run, 'idem')
  if not value or string.sub(value, 1, #run_id) ~= run_id then return end
  redis.call('HSET', run, 'released', key .. ' ' .. value)
  redis.call('DEL', key)
end

-- Reclaims the key, unless it already belongs to another run.
local function reclaim_idempotency_key(run, released, lifetime, now)
  local key, value = string.match(released, '^(%S+) (.*):%d+$')
  redis.call('HDEL', run, 'released')
  if not key or redis.call('EXISTS', key) == 1 then return end
  redis.call('SET', key, value .. ':' .. math.floor((now + lifetime) / 1000), 'PX', lifetime)
  redis.call('HSET', run, 'idem', key)
end
