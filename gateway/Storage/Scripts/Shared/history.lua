-- Adds to the history of a run.
-- @include runs, index
--
-- An entry is '<n> <time> <kind> <attempt> <number> <text>', and <n> only increases. The newest entries are the fields 'h:<n>' of the run,
-- so that one command writes an entry and the change that it records. Redis keeps a run in a third of the bytes as long as no field is
-- longer than 64. An entry of up to 256 therefore has several fields, and as many numbers: its other parts begin with '+'. Parts move to
-- a list, eight at a time. The list has the newest thousand parts, and before them the newest 300 of the others that are about attempts,
-- failures and operators: a run of many steps would lose its first attempts otherwise. It expires with the run. If a step or an attempt
-- failed, <number> is '<number>:<why>', where <why> is what the service said, sealed. The field 'why' is the number of the entry that says
-- why the run failed last.
--   a  an attempt begins: text is the node                      q  the run was accepted, and has had no attempt yet
--   C  a step completed, F failed for good: text is the step    P  a try of it failed: number is when the next is due
--   S  a step that is executed at most once begins              W  it sleeps: number is until when
--   E  it waits: number is when it gives up (0: never)          D  what it waited for came
--   z  the run is suspended: number is when it is due, text a note
--   f  the attempt failed: number is when the next is due, text a note
--   m  the handler has changed: number is how many steps do not fit, text which, and <why> the values that differ
--   e  the run ended: text is its state, and a note             c  it was cancelled
--   o  an operator did something: text is what, and who

-- The number of parts that are in the list, if the history has had <noted> parts.
local function entries_in_list(noted)
  return math.max(0, math.floor((noted - 1) / 8) * 8)
end

local function fields_of_entries(first, last)
  local names = {}
  for n = first, last do names[#names + 1] = 'h:' .. n end
  return names
end

-- Puts the parts of entries together.
local function join_parts(parts)
  local entries = {}
  for _, part in ipairs(parts) do
    if string.sub(part, 1, 1) ~= '+' then
      entries[#entries + 1] = part
    elseif #entries > 0 then
      entries[#entries] = entries[#entries] .. string.sub(part, 2)
    end
  end
  return entries
end

-- Reads the entries after the entry n, or what <most> parts have of them.
local function entries_after(run, history, noted, n, most)
  local in_list, last = entries_in_list(noted), most and math.min(noted, n + most) or noted
  local parts = n < in_list and redis.call('LRANGE', history, n - in_list, math.min(last - in_list - 1, -1)) or {}
  if last > math.max(in_list, n) then
    local names = fields_of_entries(math.max(in_list, n) + 1, last)
    for _, part in ipairs(redis.call('HMGET', run, unpack(names))) do
      if part then parts[#parts + 1] = part end
    end
  end
  return join_parts(parts)
end

-- Shortens the list to its newest parts, and keeps the most important ones of the others.
local function shorten(history, length)
  local old, kept, is_kept = redis.call('LRANGE', history, 0, length - 1001), {}, false
  for _, part in ipairs(old) do
    if string.sub(part, 1, 1) ~= '+' then is_kept = string.match(part, '^%d+ %S+ [afzqecomPF] ') ~= nil end
    if is_kept then kept[#kept + 1] = part end
  end
  redis.call('LTRIM', history, -1000, -1)
  local first = math.max(1, #kept - 299)
  while kept[first] and string.sub(kept[first], 1, 1) == '+' do first = first + 1 end
  local reversed = {}
  for i = #kept, first, -1 do reversed[#reversed + 1] = kept[i] end
  call_with_list('LPUSH', history, reversed)
end

-- Moves the last eight parts to the list. add_history calls it before it adds the next one.
local function move_to_list(keys, run, noted)
  write_fields(run, keys.run)
  local names, entries = fields_of_entries(noted - 7, noted), {}
  for _, entry in ipairs(redis.call('HMGET', keys.run, unpack(names))) do
    if entry then entries[#entries + 1] = entry end
  end
  if #entries == 0 then return end
  local length = redis.call('RPUSH', keys.history, unpack(entries))
  if length == #entries then redis.call('PEXPIREAT', keys.history, run.expires) end
  if length > 1400 then shorten(keys.history, length) end
  redis.call('HDEL', keys.run, unpack(names))
end

-- keys  run, history; with entries of steps, unlisted
-- run   with noted and expires; with entries of steps, ix
local function add_history(keys, run, now, kind, attempt, number, text, why)
  if string.find('CFPSWE', kind, 1, true) then mark_for_index(keys, run, now) end
  local first = string.format('%d', count_of(run, 'noted') + 1)
  if why or kind == 'f' or kind == 'e' then set_fields(run, 'why', first) end
  if why then number = number .. ':' .. why end
  local entry = first .. ' ' .. now .. ' ' .. kind .. ' ' .. attempt .. ' ' .. number .. ' ' .. text
  local at, mark, size = 1, '', #entry <= 256 and 64 or #entry
  repeat
    local noted = count_of(run, 'noted')
    if noted > 0 and noted % 8 == 0 then move_to_list(keys, run, noted) end
    local n, last = at == 1 and first or string.format('%d', noted + 1), at + size - 1 - #mark
    set_fields(run, 'noted', n, 'h:' .. n, mark .. string.sub(entry, at, last))
    at, mark = last + 1, '+'
  until at > #entry
end
