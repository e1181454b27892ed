-- Marks runs whose entries in the index are out of date.
-- @include runs
--
-- The index has the lists of runs that operators ask for. They are sorted sets of the shard, of run ids by the time of their start (ms):
--   ix:s:<state>   ix:q:<state>:<route>   ix:p:<step>   ix:k:<hash of an idempotency key>
--   ix:x '<id> <final state, or ->  <route>' by the time at which the run's keys expire
--   ix:w the runs that are marked, by the time of their mark
-- No transition changes a list: update-index.lua does that later, for many runs at once, from what it finds in the run. The field 'ix' of
-- a run is '<state> <n>': what the lists show, and the number of the last entry of the history that they know of. A 'd' follows where a
-- step's name has a digit. '*' in front says that the run is marked, so further transitions cost nothing.

-- A script marks a run before it changes the run: a crash between the two then costs an update of the lists, and never a missing one.
local function mark_for_index(keys, run, now)
  if string.sub(run.ix or '', 1, 1) == '*' then return end
  redis.call('ZADD', keys.unlisted, now, string.match(keys.run, ':run:(.*)$'))
  set_fields(run, 'ix', '*' .. (run.ix or ''))
end
