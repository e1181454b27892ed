-- Writes down that the handler is not the one that the stored steps are of.
-- KEYS  1 run, 2 history, 3 due-queue of the shard
-- ARGV  1 attempt, 2 now, 3 how many steps do not fit, 4 which, and why, 5 run id,
--       6 whether operators are to be told ('1', ''): they are, the first time
-- Answer 1 written, 0 the run is unknown
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if ARGV[6] == '1' and redis.call('HEXISTS', KEYS[1], 'mismatches') == 0 then tell(KEYS[3], 'm', ARGV[2], ARGV[5]) end
redis.call('HINCRBY', KEYS[1], 'mismatches', ARGV[3])
note(KEYS[1], KEYS[2], ARGV[2], 'm', ARGV[1], ARGV[3], ARGV[4])
return 1
