#!lua
-- averages.lua - a router says how the keys do for it, and hears how they do for the fleet.
--
-- ARGV: gen router (key first_us total_us n inflight health health_n)...
--   n, health_n   weights of the times and of the score, 0: nothing to say of late
--   A router that the fleet does not know (any more) only hears.
-- Reply: {"OK", {first_us, total_us, health, inflight}...} in the order of the keys, "-" for
--        what nobody knows | {"GEN"}
local router = arg_word(2, 'router')
local rows = {}
for at = 3, #ARGV, 7 do
    local row = {arg_word(at, 'a key', 130)}
    for k, max in ipairs({TIME_MAX, TIME_MAX, WEIGHT_MAX, COUNT_MAX, 100, WEIGHT_MAX}) do
        row[k + 1] = arg_number(at + k, 0, max, 'a measure')
    end
    rows[#rows + 1] = row
end

if not begin(ARGV[1]) then
    return {'GEN'}
end
touch()
-- Whom the fleet has forgotten joins with its next sync; until then nobody would take its rows
-- away again.
local heard = redis.call('ZSCORE', base .. 'routers', router)
local reply = {'OK'}
for _, row in ipairs(rows) do
    if heard and redis.call('ZSCORE', base .. 'keys', row[1]) then
        measure(row[1], router, row)
    end
    reply[#reply + 1] = measured(row[1])
end
return reply
