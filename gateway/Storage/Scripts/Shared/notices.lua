-- Notices to operators. A notice is an entry of the due-queue until it has been delivered, written before what it tells of becomes true:
-- 'n:<kind>:<now>:<run id>', of kind f the run failed for good, s it is stuck, m its handler does not fit its steps.

local function add_notice(due, kind, now, run_id)
  redis.call('ZADD', due, now, 'n:' .. kind .. ':' .. now .. ':' .. run_id)
end

-- A run or one of its steps has failed, and is tried again. The run is stuck where it has done nothing but fail for some time, of which
-- operators are told once. The field 'fell' is '<outcomes that it had>:<when it failed first>:<when operators were told>'.
-- stuck_after  that time (ms); nil: operators do not want to know
local function record_failure(run, due, run_id, now, stuck_after)
  local fields = redis.call('HMGET', run, 'seq', 'fell')
  local outcomes, since, told = string.match(fields[2] or '', '^(%d+):(%d+):(%d*)$')
  if outcomes ~= fields[1] then
    redis.call('HSET', run, 'fell', (fields[1] or '0') .. ':' .. now .. ':')
  elseif told == '' and stuck_after and tonumber(now) - tonumber(since) >= tonumber(stuck_after) then
    add_notice(due, 's', now, run_id)
    redis.call('HSET', run, 'fell', outcomes .. ':' .. since .. ':' .. now)
  end
end
