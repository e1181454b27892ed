-- Tells the time of the server that has the store's metadata: the same server for every node, in a cluster too.
-- @keys meta
--   only says which server is asked
-- Answer: {seconds, microseconds}
-- Invariant: reads only.
return redis.call('TIME')
