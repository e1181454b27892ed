-- Reads and writes a run, and checks whether an attempt may write to it.

-- Reads fields of a hash by name. A missing field is nil.
local function read_fields(key, ...)
  local names = {...}
  local values = redis.call('HMGET', key, ...)
  local fields = {changes = {}}
  for i = 1, #names do fields[names[i]] = values[i] or nil end
  return fields
end

-- Calls a command with a list of any length. Lua passes a limited number of arguments.
local function call_with_list(command, key, list)
  for i = 1, #list, 1000 do redis.call(command, key, unpack(list, i, math.min(i + 999, #list))) end
end

-- Changes fields of a run that read_fields has read. write_fields writes all changes with one command.
local function set_fields(run, ...)
  local pairs_of, changes = {...}, run.changes
  local count = #changes
  for i = 1, #pairs_of, 2 do
    local name, value = pairs_of[i], pairs_of[i + 1]
    -- All counts and times are whole. %d costs half of what %.0f does.
    if type(value) == 'number' then value = string.format('%d', value) end
    run[name], changes[count + i], changes[count + i + 1] = value, name, value
  end
end

local function write_fields(run, key)
  if #run.changes == 0 then return end
  call_with_list('HSET', key, run.changes)
  run.changes = {}
end

-- Reads a field that counts. A missing field is 0.
local function count_of(run, name)
  return tonumber(run[name] or '0')
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
