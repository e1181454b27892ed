-- Adds to the counts of a minute.
-- KEYS  1 the minute
-- ARGV  1 how long it is kept (ms), 2… field and number of each count
-- Answer 1
-- Keeps: no minute is kept for ever, also where the node dies right after.
for i = 2, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
