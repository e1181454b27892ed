-- Returns the time of the server that has the store's metadata. That is the same server for every node, also in a cluster.
-- @keys meta
--   only selects the server
-- Answer: {seconds, microseconds}
-- Invariant: the script only reads.
return redis.call('TIME')
