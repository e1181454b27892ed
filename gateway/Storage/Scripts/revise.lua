-- Has a parked or ended run go on from a step, or with another outcome of it.
-- KEYS  1 run, 2 request, 3 steps, 4 pending steps, 5 result, 6 due-queue of the shard, 7 history,
--       8 events of its stream, 9 their ids
-- ARGV  1 run id, 2 'from' | 'edit', 3 step id, 4 'C' or 'F' of the new outcome, 5 its record, 6 now, 7 RunTimeout (ms), 8 Retention (ms),
--       9 for the history: what was done, and by whom
-- Answer {'done'} | {'unknown'} | {'running'} | {'step'} there is no such step, or none with an outcome
-- Keeps: what is stored of other steps stays, but for those that came after; the attempt number rises, so that a late checkpoint of
-- an earlier attempt cannot bring back what was dropped; the run is due at once, its result is gone, and no key expires before it can end.
-- A step that had an outcome is executed anew: what it invokes is another run ('again:<step>' counts), and the URL of a callback is handed
-- out again (its step '<step> handed out' is dropped with it).
-- An idempotency key that was released is its own again, unless the key stands for another run by now.
local run = redis.call('HMGET', KEYS[1], 'state', 'idem', 'released')
if not run[1] or redis.call('EXISTS', KEYS[2]) == 0 then return {'unknown'} end
if run[1] == 'running' then return {'running'} end
local value = redis.call('HGET', KEYS[3], ARGV[3])
local kind, seq = string.match(value or '', '^([CF])(%d+):')
if not value or (ARGV[2] == 'edit' and not kind) then return {'step'} end
local dropped = {}
if ARGV[2] == 'edit' then
  redis.call('HSET', KEYS[3], ARGV[3], ARGV[4] .. seq .. ':' .. ARGV[5])
else
  local steps = redis.call('HGETALL', KEYS[3])
  for i = 1, #steps, 2 do
    local other = string.match(steps[i + 1], '^[CF](%d+):')
    if not other or (seq and tonumber(other) >= tonumber(seq)) then
      redis.call('HDEL', KEYS[3], steps[i])
      redis.call('ZREM', KEYS[4], steps[i])
      dropped[steps[i]] = true
      if other then redis.call('HINCRBY', KEYS[1], 'again:' .. steps[i], 1) end
      if other or steps[i] == ARGV[3] then
        redis.call('HDEL', KEYS[3], steps[i] .. ' handed out')
        redis.call('ZREM', KEYS[4], steps[i] .. ' handed out')
        dropped[steps[i] .. ' handed out'] = true
      end
    end
  end
end
-- An event that a dropped step took is there to be taken again.
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  if string.sub(fields[i], 1, 6) == 'event:' and dropped[fields[i + 1]] then redis.call('HDEL', KEYS[1], fields[i]) end
end
local counts = {C = 0, F = 0}
local bytes = 0
local left = redis.call('HGETALL', KEYS[3])
for i = 1, #left, 2 do
  local letter, number = string.match(left[i + 1], '^([CF])(%d+):')
  if letter then
    counts[letter] = counts[letter] + 1
    bytes = bytes + #left[i] + #left[i + 1] - #number - 2
  end
end
redis.call('HINCRBY', KEYS[1], 'attempt', 1)
redis.call('HSET', KEYS[1], 'state', 'waiting', 'owner', '', 'next', ARGV[6], 'failures', '0', 'bytes', bytes, 'completed', counts.C, 'failed', counts.F)
redis.call('HDEL', KEYS[1], 'paused')
redis.call('ZADD', KEYS[6], ARGV[6], ARGV[1])
note(KEYS[1], KEYS[7], ARGV[6], 'o', redis.call('HGET', KEYS[1], 'attempt'), 0, ARGV[9])
if run[1] == 'waiting' then
  moved(KEYS[1], run[1], 'waiting')
  return {'done'}
end
local deadline = tonumber(ARGV[6]) + tonumber(ARGV[7])
local life = tonumber(ARGV[7]) + tonumber(ARGV[8])
redis.call('HSET', KEYS[1], 'deadline', deadline, 'since', ARGV[6])
redis.call('HDEL', KEYS[1], 'ended', 'by', 'woken')
redis.call('DEL', KEYS[5])
redis.call('ZREM', KEYS[6], 'p:' .. ARGV[1])
for _, key in ipairs({KEYS[1], KEYS[2], KEYS[3], KEYS[7], KEYS[8], KEYS[9]}) do redis.call('PEXPIRE', key, life) end
if run[2] then redis.call('PEXPIRE', run[2], life) end
if run[3] then reclaim(KEYS[1], run[3], life, tonumber(ARGV[6])) end
moved(KEYS[1], run[1], 'waiting', tonumber(ARGV[6]) + life)
return {'done'}
