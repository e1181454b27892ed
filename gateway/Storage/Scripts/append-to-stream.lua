-- Stores events of a resumable stream.
-- @include runs
-- @keys run, stream, stream_ids
-- @arg attempt, owner, nonce  the attempt
-- @arg head?                  status and headers of the response, sealed, with the first events
-- @arg max_bytes              the maximum size of the stream
-- @arg events*                id (may be empty) and record of each event
-- Answer: {'kept'} | {'full'} | {'lost'} the attempt no longer owns the run
-- Invariant: an event with an id is stored once, even if several attempts send it. Only the attempt that owns the run adds to its stream.
local run = read_fields(keys.run, 'state', 'attempt', 'owner', 'streamed', 'nonce', 'expires')
if not is_owner(run, args.attempt, args.owner, args.nonce) then return {'lost'} end
if args.head then redis.call('HSETNX', keys.run, 'stream', args.head) end
local bytes = tonumber(run.streamed or '0')
for i = 1, #args.events, 2 do
  local id, record = args.events[i], args.events[i + 1]
  local place = redis.call('LLEN', keys.stream)
  local known = id ~= '' and redis.call('HGET', keys.stream_ids, id)
  -- If the place of a known id is empty, a server died during the call that wrote the id.
  if not known or tonumber(known) >= place then
    bytes = bytes + #record
    if bytes > tonumber(args.max_bytes) then return {'full'} end
    if id ~= '' then redis.call('HSET', keys.stream_ids, id, place) end
    redis.call('RPUSH', keys.stream, record)
    if id ~= '' then redis.call('HSET', keys.run, 'lastid', id) end
  end
end
redis.call('HSET', keys.run, 'streamed', string.format('%.0f', bytes))
redis.call('PEXPIREAT', keys.stream, run.expires)
redis.call('PEXPIREAT', keys.stream_ids, run.expires)
return {'kept'}
