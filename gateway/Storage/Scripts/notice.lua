-- Stands before every script that may come upon something that operators want to be told of (see Script.cs).
-- A notice is an entry of the due-queue until it has been delivered, written before what it tells of becomes true:
-- 'n:<kind>:<now>:<run id>', of kind f the run failed for good, s it is stuck, m its handler does not fit its steps.
local function tell(queue, kind, now, id)
  redis.call('ZADD', queue, now, 'n:' .. kind .. ':' .. now .. ':' .. id)
end

-- A run or one of its steps has failed, and is tried again. It is stuck, and that is told once, where it has done nothing but fail for
-- so long (ms; '': nobody wants to know). 'fell' is '<outcomes that it had>:<when it failed first>:<when that was told>'.
local function falter(run, queue, id, now, long)
  local of = redis.call('HMGET', run, 'seq', 'fell')
  local seq, since, told = string.match(of[2] or '', '^(%d+):(%d+):(%d*)$')
  if seq ~= of[1] then
    redis.call('HSET', run, 'fell', (of[1] or '0') .. ':' .. now .. ':')
  elseif told == '' and long ~= '' and tonumber(now) - tonumber(since) >= tonumber(long) then
    tell(queue, 's', now, id)
    redis.call('HSET', run, 'fell', seq .. ':' .. since .. ':' .. now)
  end
end
