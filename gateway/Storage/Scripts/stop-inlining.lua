-- Has the later attempts of a run go without outcomes in their headers: the service has refused those of this attempt.
-- @include runs
-- @keys run
-- @arg attempt, owner, nonce  the attempt
-- Answer: 1 noted, 0 the attempt no longer owns the run
-- Invariant: it holds for all later attempts. A caller that got no answer may call again, also after the attempt was parked.
local run = read_fields(keys.run, 'state', 'attempt', 'owner', 'nonce')
local is_parked = run.state == 'waiting' and is_last_attempt(run, args.attempt, args.nonce)
if not is_parked and not is_owner(run, args.attempt, args.owner, args.nonce) then return 0 end
redis.call('HSET', keys.run, 'noinline', '1')
return 1
