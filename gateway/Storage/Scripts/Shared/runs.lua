-- Reads a run, and tells whether an attempt may write to it.

-- Some fields of a hash, by their names. A field that the hash does not have is nil.
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

-- Whether the attempt is the run's last one: its number and its nonce are the fence. Runs of older versions have no nonce.
local function is_last_attempt(run, attempt, nonce)
  return run.attempt == attempt and (run.nonce or '0') == nonce
end

-- Whether the attempt is in flight and holds the run's lease.
local function is_owner(run, attempt, owner, nonce)
  return run.state == 'running' and run.owner == owner and is_last_attempt(run, attempt, nonce)
end

-- The due time of a run or a step, no later than the run's deadline, where the run ends. A deadline that has passed does not count:
-- the run could not be ended at that time, so it would come back at once, again and again.
local function limit_to_deadline(due, deadline, now)
  if tonumber(due) > tonumber(deadline) and tonumber(deadline) > tonumber(now) then return deadline end
  return due
end
