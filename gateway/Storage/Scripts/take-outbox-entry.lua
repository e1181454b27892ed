-- Takes a due outbox entry. Other nodes do not take it until it is due again.
-- @keys due
-- @arg entry
-- @arg now
-- @arg taken_until
-- Answer: 1 taken, 0 the entry is not due or no longer exists
-- Invariant: the entry stays in the queue. Only one node takes it.
local score = redis.call('ZSCORE', keys.due, args.entry)
if not score or tonumber(score) > tonumber(args.now) then return 0 end
redis.call('ZADD', keys.due, args.taken_until, args.entry)
return 1
