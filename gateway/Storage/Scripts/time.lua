-- Tells the time of the server that has the store's mark: the same one for every node, also of a cluster.
-- KEYS  1 the store's mark
-- Answer {seconds, microseconds}
return redis.call('TIME')
