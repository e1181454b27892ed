-- Records that a bulk action has processed one page of its runs.
-- @include runs
-- @keys bulk_action, due
-- @arg id
-- @arg now
-- @arg taken_until  when another node continues if the caller has died
-- @arg cursor       of this page; empty for the first page
-- @arg next_cursor  of the next page
-- @arg done         the number of runs that were changed
-- @arg refused      the number of runs whose state does not allow the action
-- @arg state        'running' | 'completed' | 'failed'
-- @arg problem      the reason of the failure; may be empty
-- Answer: the state of the bulk action; '' if this page is not the next one, because another node has continued or the action has ended
-- Invariant: each page is counted once. A bulk action that has ended does not change and is in no queue.
local action = read_fields(keys.bulk_action, 'state', 'cursor', 'done', 'refused')
local is_under_way = action.state == 'running' or action.state == 'stopping'
if not is_under_way then redis.call('ZREM', keys.due, 'a:' .. args.id) end
if not is_under_way or action.cursor ~= args.cursor then return '' end
local state = args.state
if state == 'running' and action.state == 'stopping' then state = 'stopped' end
redis.call('HSET', keys.bulk_action, 'state', state, 'cursor', args.next_cursor, 'done', action.done + args.done,
  'refused', action.refused + args.refused, 'ended', state == 'running' and '' or args.now, 'problem', args.problem)
if state == 'running' then
  redis.call('ZADD', keys.due, args.taken_until, 'a:' .. args.id)
else
  redis.call('ZREM', keys.due, 'a:' .. args.id)
end
return state
