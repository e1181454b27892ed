-- Reads the history of a run.
-- @include runs, history
-- @keys run, history
-- @arg after  the number of the last entry that the caller knows
-- @arg most?  the maximum number of parts to read; all if absent
-- Answer: the entries after that one, the oldest first
-- Invariant: reads only.
local run = read_fields(keys.run, 'noted')
return entries_after(keys.run, keys.history, count_of(run, 'noted'), tonumber(args.after), args.most)
