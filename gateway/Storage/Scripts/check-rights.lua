-- Tries each command that the gateway uses, so that the gateway can list at startup which commands the store denies to its user.
-- @keys scratch, second_scratch
--   temporary keys, which the script deletes
-- @arg channel
-- Answer: the denied commands
-- Invariant: the script leaves no key behind.
local refused = {}
local function try(...)
  local answer = redis.pcall(...)
  local problem = type(answer) == 'table' and answer.err
  if not problem then return end
  -- The messages of Redis up to 7.0, of Redis 7.2 and later and Valkey, and of commands outside of scripts. Other errors do not concern
  -- rights.
  for _, words in ipairs({ "can't run this command", 'ACL failure', 'NOPERM' }) do
    if string.find(problem, words, 1, true) then
      refused[#refused + 1] = (...)
      return
    end
  end
end
local key = keys.scratch
try('TIME')
try('SET', key, '1', 'PX', '60000')
try('SETEX', key, '60', '1')
try('GET', key)
try('GETRANGE', key, '0', '0')
try('STRLEN', key)
try('EXISTS', key)
try('PTTL', key)
try('PEXPIRE', key, '60000')
try('PEXPIREAT', key, '99999999999999')
try('EXPIRE', key, '60')
try('RENAME', key, keys.second_scratch)
try('DEL', key, keys.second_scratch)
try('HSET', key, 'field', '1')
try('HSETNX', key, 'field', '1')
try('HINCRBY', key, 'field', '1')
try('HGET', key, 'field')
try('HMGET', key, 'field')
try('HGETALL', key)
try('HEXISTS', key, 'field')
try('HKEYS', key)
try('HLEN', key)
try('HSTRLEN', key, 'field')
try('HDEL', key, 'field')
try('ZADD', key, '1', 'member')
try('ZSCORE', key, 'member')
try('ZRANK', key, 'member')
try('ZCARD', key)
try('ZCOUNT', key, '0', '1')
try('ZRANGE', key, '0', '0')
try('ZREVRANGE', key, '0', '0')
try('ZRANGEBYSCORE', key, '0', '1')
try('ZREVRANGEBYSCORE', key, '1', '0')
try('ZREMRANGEBYRANK', key, '1', '1')
try('ZREMRANGEBYSCORE', key, '2', '3')
try('ZREM', key, 'member')
try('RPUSH', key, 'item')
try('LPUSH', key, 'item')
try('LLEN', key)
try('LRANGE', key, '0', '0')
try('LTRIM', key, '0', '0')
try('DEL', key)
try('PUBLISH', args.channel, '')
return refused
