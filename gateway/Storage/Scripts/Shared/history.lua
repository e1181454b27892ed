-- Adds to the history of a run.
-- @include index
--
-- The history is a sorted set. An entry is '<n> <time> <kind> <attempt> <number> <text>' and its score <n>, which only rises. Of a step
-- that failed, <number> is '<number>:<why>': what the service said, sealed. The newest thousand entries are kept, as long as the run is.
--   a  an attempt begins: text is the node                      q  the run was accepted, and has had no attempt yet
--   C  a step completed, F failed for good: text is the step    P  a try of it failed: number is when the next is due
--   S  a step that is executed at most once begins              W  it sleeps: number is until when
--   E  it waits: number is when it gives up (0: never)          D  what it waited for came
--   z  the run is suspended: number is when it is due           f  the attempt failed: number is when the next is due, text a note
--   m  the handler has changed: number is how many steps do not fit, text which
--   e  the run ended: text is its state, and a note             c  it was cancelled
--   o  an operator did something: text is what, and who
local function add_history(keys, now, kind, attempt, number, text, why)
  local run, history = keys.run, keys.history
  if string.find('CFPSWE', kind, 1, true) then mark_for_index(keys, now) end
  local n = redis.call('HINCRBY', run, 'noted', 1)
  if why then number = number .. ':' .. why end
  redis.call('ZADD', history, n, n .. ' ' .. now .. ' ' .. kind .. ' ' .. attempt .. ' ' .. number .. ' ' .. text)
  if n == 1 then
    redis.call('PEXPIRE', history, redis.call('PTTL', run))
  elseif n > 1000 then
    redis.call('ZREMRANGEBYRANK', history, 0, 0)
  end
end
