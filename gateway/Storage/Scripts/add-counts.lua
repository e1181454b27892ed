-- Adds to the counts of a minute.
-- @keys counts
-- @arg lifetime  how long the minute is kept (ms)
-- @arg counts*   field and number of each count
-- Answer: 1
-- Invariant: every minute expires, even if the node dies right after the call.
for i = 1, #args.counts, 2 do redis.call('HINCRBY', keys.counts, args.counts[i], args.counts[i + 1]) end
redis.call('PEXPIRE', keys.counts, args.lifetime)
return 1
