-- Notices to operators.
-- @include runs
--
-- A notice is an entry of the due queue until it is delivered: 'n:<kind>:<now>:<run id>'. The kinds are f (the run
-- failed permanently), s (the run is stuck), and m (the handler does not fit the stored steps). A script writes the notice before the
-- change that it reports, so that a crash cannot lose the notice.

local function add_notice(due, kind, now, run_id)
  redis.call('ZADD', due, now, 'n:' .. kind .. ':' .. now .. ':' .. run_id)
end

-- Records that a run or one of its steps failed and will be tried again. A run is stuck if it has only failed for stuck_after. Operators
-- get one notice of that. The field 'fell' is '<number of outcomes>:<time of the first failure>:<time of the notice>'.
-- run          with seq and fell
-- stuck_after  in ms; nil if operators get no such notices
local function record_failure(run, due, run_id, now, stuck_after)
  local outcomes, since, told = string.match(run.fell or '', '^(%d+):(%d+):(%d*)$')
  local seq = run.seq or '0'
  if outcomes ~= seq then
    set_fields(run, 'fell', seq .. ':' .. now .. ':')
  elseif told == '' and stuck_after and tonumber(now) - tonumber(since) >= tonumber(stuck_after) then
    add_notice(due, 's', now, run_id)
    set_fields(run, 'fell', outcomes .. ':' .. since .. ':' .. now)
  end
end
