-- Reads a run, and checks whether an attempt may write to it.

-- Reads fields of a hash by name. A missing field is nil.
local function read_fields(key, ...)
  local names = {...}
  local values = redis.call('HMGET', key, ...)
  local fields = {}
  for i = 1, #names do fields[names[i]] = values[i] or nil end
  return fields
end

-- Whether a run in this state has not ended.
local function is_open(state)
  return state == 'running' or state == 'waiting'
end

-- Whether the attempt is the run's last one. Number and nonce are the fence. Runs of older versions have no nonce.
local function is_last_attempt(run, attempt, nonce)
  return run.attempt == attempt and (run.nonce or '0') == nonce
end

-- Whether the attempt is in flight and owns the run's lease.
local function is_owner(run, attempt, owner, nonce)
  return run.state == 'running' and run.owner == owner and is_last_attempt(run, attempt, nonce)
end

-- Limits a due time to the run's deadline, at which the run ends. A deadline in the past does not count: the run could not be ended then,
-- and limiting it would make the run due again immediately, in a loop.
local function limit_to_deadline(due, deadline, now)
  if tonumber(due) > tonumber(deadline) and tonumber(deadline) > tonumber(now) then return deadline end
  return due
end
