-- Brings the lists of runs up to date with some runs (see Shared/index.lua).
-- @include runs, history
-- @keys unlisted, runs*
--   runs: hash, steps and history of each run; none to remove runs that have expired
-- @arg now
-- Answer: the time at which the last of these runs has expired, or 0; without runs, that of all runs that the lists know
-- Invariant: all is derived from the runs, so the call can be repeated, also after a server died in the middle of it. A run is in the
-- lists of its own state only. Its mark goes when the lists show it, so no change is missed. Lists do not grow with runs that have
-- expired: each new run removes two of them, and a call without runs up to a thousand. The lists of steps and of keys have the newest ten
-- thousand runs, and expire with the last one.
local prefix = string.match(keys.unlisted, '^(.-:)ix:w$')
local added, removed, expiries = {}, {}, {}

local function add(list, started, member, expires)
  local set = prefix .. 'ix:' .. list
  local members = added[set] or {}
  members[#members + 1] = started
  members[#members + 1] = member
  added[set], expiries[set] = members, math.max(expiries[set] or 0, tonumber(expires))
end

local function remove(list, member)
  local set = prefix .. 'ix:' .. list
  removed[set] = removed[set] or {}
  table.insert(removed[set], member)
end

local function final_state(state)
  return state ~= 'running' and state ~= 'waiting' and state or '-'
end

-- '#2' of the second use of a name is not part of the name.
local function step_name(step)
  return (string.gsub(step, '#%d+$', ''))
end

-- The names of steps that entries of the history have.
local function names_in_history(entries)
  local names = {}
  for _, entry in ipairs(entries) do
    local kind, step = string.match(entry, '^%d+ %d+ (%a) %S+ %S+ (.*)$')
    if kind and string.find('CFPSWE', kind, 1, true) then names[step_name(step)] = true end
  end
  return names
end

local function names_of_steps(steps)
  local names = {}
  for _, step in ipairs(redis.call('HKEYS', steps)) do names[step_name(step)] = true end
  return names
end

local rare_lists, new_runs = {}, 0

-- Returns whether the run stays marked.
local function update(run_key, steps, history)
  -- What is no run, or cannot be read, is in no list.
  local values = redis.pcall('HMGET', run_key, 'ix', 'state', 'started', 'route', 'expires', 'noted', 'search',
    unpack(fields_of_entries(1, 8)))
  if values.err then return end
  local shown, state, started, route, expires, noted, search = unpack(values, 1, 7)
  if not state or not route or not string.match(started or '', '^%d+$') or not string.match(expires or '', '^%d+$') then return end
  local id = string.match(run_key, ':run:(.*)$')
  local star, was, n, digit = string.match(shown or '', '^(%*?)(%a*) ?(%d*)(d?)$')
  was, n = was or '', tonumber(n) or 0
  -- A call that was interrupted has written the field, and left the run marked: the lists may show anything.
  local is_interrupted = star == '' and was ~= ''
  if is_interrupted then n = 0 end
  local is_new, has_ended = was == '' or is_interrupted, not is_open(state)
  local has_reopened = not is_new and not is_open(was) and not has_ended
  noted = tonumber(noted) or 0
  local names = {}
  if has_reopened or noted - n > 900 then
    names = names_of_steps(steps)
  elseif noted > n and noted <= 8 then
    local parts = {}
    for i = 8 + n, 7 + noted do parts[#parts + 1] = values[i] or nil end
    names = names_in_history(join_parts(parts))
  elseif noted > n then
    names = names_in_history(entries_after(run_key, history, noted, n))
  end
  for name in pairs(names) do
    if string.find(name, '%d') then digit = 'd' end
  end
  -- A run that is about to expire must not come back as a key of one field. It stays marked until it is gone.
  local stays_marked = tonumber(expires) < tonumber(args.now) + 1000
  if not stays_marked then
    redis.call('HSET', run_key, 'ix', state .. ' ' .. string.format('%d', noted) .. (digit or ''))
  end
  for name in pairs(names) do add('p:' .. name, started, id, expires) end
  if is_new or has_ended or has_reopened then
    add('x', expires, id .. ' ' .. final_state(state) .. ' ' .. route, expires)
    for hash in string.gmatch(search or '', '%S+') do add('k:' .. hash, started, id, expires) end
    if not is_new and final_state(was) ~= final_state(state) then remove('x', id .. ' ' .. final_state(was) .. ' ' .. route) end
  end
  if is_new then new_runs = new_runs + 1 end
  if was ~= state or is_new or has_ended then
    add('s:' .. state, started, id, expires)
    add('q:' .. state .. ':' .. route, started, id, expires)
    local others = is_interrupted and {running = true, waiting = true} or {[was] = true}
    others[state], others[''] = nil, nil
    for other in pairs(others) do
      remove('s:' .. other, id)
      remove('q:' .. other .. ':' .. route, id)
    end
  end
  if has_ended and digit == 'd' then
    for name in pairs(names_of_steps(steps)) do
      if string.find(name, '%d') then rare_lists[prefix .. 'ix:p:' .. name] = true end
    end
  end
  return stays_marked
end

local marks = {}
for i = 1, #keys.runs, 3 do
  local stays_marked = update(keys.runs[i], keys.runs[i + 1], keys.runs[i + 2])
  if not stays_marked then marks[#marks + 1] = string.match(keys.runs[i], ':run:(.*)$') end
end

local function is_gone(id)
  return redis.call('EXISTS', prefix .. 'run:' .. id) == 0
end

-- Lists that name no state: runs that are added remove the oldest ones that have expired.
local function trim(set, count)
  local oldest, names, gone = redis.call('ZRANGE', set, 0, count + 1), {}, {}
  for i, id in ipairs(oldest) do names[i] = prefix .. 'run:' .. id end
  if redis.call('EXISTS', unpack(names)) < #names then
    for _, id in ipairs(oldest) do
      if is_gone(id) then gone[#gone + 1] = id end
    end
  end
  if #gone > 0 then redis.call('ZREM', set, unpack(gone)) end
  redis.call('ZREMRANGEBYRANK', set, 0, -10001)
end

-- Every eighth call trims the lists of steps, to which most calls add runs.
local trims_steps = tonumber(args.now) % 8 == 0
for set, members in pairs(added) do
  local count = 0
  for i = 1, #members, 1000 do count = count + redis.call('ZADD', set, unpack(members, i, math.min(i + 999, #members))) end
  local list = string.sub(set, #prefix + 4, #prefix + 5)
  if list == 'p:' or list == 'k:' then
    -- Many runs use the name of a step, and later ones expire later. A tenth more saves changing the expiry with each of them.
    local lifetime = expiries[set] - args.now
    if redis.call('PTTL', set) < lifetime then
      redis.call('PEXPIRE', set, string.format('%.0f', list == 'p:' and lifetime * 1.1 or lifetime))
    end
    if count > 0 and list == 'k:' then trim(set, count) end
    if count > 0 and list == 'p:' and trims_steps then trim(set, 8 * count) end
  end
end

local most = #keys.runs == 0 and 1000 or 2 * new_runs
if most > 0 then
  for _, entry in ipairs(redis.call('ZRANGEBYSCORE', prefix .. 'ix:x', '-inf', args.now, 'LIMIT', 0, most)) do
    local id, state, route = string.match(entry, '^(%S+) (%S+) (.*)$')
    if not is_gone(id) then
      redis.call('ZADD', prefix .. 'ix:x', args.now + 60000, entry)
    else
      for _, name in ipairs(state == '-' and {'running', 'waiting'} or {state}) do
        remove('s:' .. name, id)
        remove('q:' .. name .. ':' .. route, id)
      end
      remove('x', entry)
    end
  end
end
for set, members in pairs(removed) do
  for i = 1, #members, 1000 do redis.call('ZREM', set, unpack(members, i, math.min(i + 999, #members))) end
end

-- Few runs use a step name that contains an id, so no later run trims its list. Such a list expires with its last run.
for set in pairs(rare_lists) do
  if redis.call('ZCARD', set) <= 8 then
    local lifetime = 0
    for _, id in ipairs(redis.call('ZRANGE', set, 0, -1)) do lifetime = math.max(lifetime, redis.call('PTTL', prefix .. 'run:' .. id)) end
    if lifetime > 0 then redis.call('PEXPIRE', set, lifetime) end
  end
end

if #marks > 0 then redis.call('ZREM', keys.unlisted, unpack(marks)) end
if #keys.runs == 0 then return tonumber(redis.call('ZRANGE', prefix .. 'ix:x', -1, -1, 'WITHSCORES')[2] or 0) end
return expiries[prefix .. 'ix:x'] or 0
