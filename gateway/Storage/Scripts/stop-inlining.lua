-- Stops inlining outcomes into the headers of later attempts, because the service has refused those of this attempt.
-- @include runs
-- @keys run
-- @arg attempt, owner, nonce  the attempt
-- Answer: 1 recorded, 0 the attempt no longer owns the run
-- Invariant: this applies to all later attempts. A caller that got no answer may call again, also after the attempt parked the run.
local run = read_fields(keys.run, 'state', 'attempt', 'owner', 'nonce')
local is_parked = run.state == 'waiting' and is_last_attempt(run, args.attempt, args.nonce)
if not is_parked and not is_owner(run, args.attempt, args.owner, args.nonce) then return 0 end
redis.call('HSET', keys.run, 'noinline', '1')
return 1
