#!lua
-- force.lua - an operator's word over the breaker: compare and set.
--
-- ARGV: gen|- key up|down|drain|auto ttl_ms who why expect_ep|- request_id [reset]
--   ttl_ms  0: no end.  reset, with auto only: the breaker starts anew as well
-- Reply: {"OK", ver, line} | {"CONFLICT", ep, line} | {"UNKNOWN"} | {"GEN"}
--   ver: routers whose applied version has reached it have obeyed.
-- The same request id gets the same version again and has no second effect (the last eight
-- of a key are remembered).
local key, word = arg_word(2, 'key', 130), ARGV[3]
if not WORDS[word] then
    bad('the state is none of up, down, drain, auto')
end
local ttl = arg_number(4, 0, FORCED_MAX, 'ttl')
local who, why = string.sub(ARGV[5] or '', 1, WORD_MAX), string.sub(ARGV[6] or '', 1, WORD_MAX)
local expect = ARGV[7] ~= '-' and arg_number(7, 0, NUMBER_MAX, 'the expected epoch') or nil
local id = arg_word(8, 'request id', 64)
if not string.find(id, '^[%w._:-]+$') then
    bad('the request id has other characters than letters, digits and ._:-')
end
local reset = ARGV[9] == 'reset' and word == 'auto'

local function remembered(r)
    for was, at in string.gmatch(r.fid, '([^ =]+)=(%d+)') do
        if was == id then
            return whole(at)
        end
    end
end

local function remember(r)
    local kept = {id .. '=' .. text(ver + 1)}
    for pair in string.gmatch(r.fid, '[^ ]+') do
        if #kept < 8 then
            kept[#kept + 1] = pair
        end
    end
    r.fid = table.concat(kept, ' ')
end

if not begin(ARGV[1]) then
    return {gen and 'GEN' or 'UNKNOWN'}
end
if not redis.call('ZSCORE', base .. 'keys', key) then
    return {'UNKNOWN'}
end
touch()
local lost = not load(key) and 'r:' .. key or nil
live_anew(true, '-', id, who, lost) -- before any router: else an older word they re-assert would win
local r = take(key)
if not r then
    return {'UNKNOWN'}
end
local before = remembered(r)
if before then
    return {'OK', before, line(r)}
elseif expect and expect ~= r.ep then
    return {'CONFLICT', r.ep, line(r)}
elseif word == 'auto' and r.forced == 'auto' and not reset then
    redis.call('HSET', base .. 'r:' .. key, 'fgen', gen) -- nothing older is re-asserted over it
    event('force', key, 'auto', 'auto', r.ep, why, who)
    return {'OK', ver, line(r)}
end
remember(r)
if reset then
    r.st, r['until'], r.n, r.hard, r.clean, r.bgen = 'closed', 0, 0, 0, now, gen
    r.ramp, r.doubt = 0, 0
    redis.call('DEL', base .. 'w:' .. key, base .. 'row:' .. key)
end
local l = overlay(r, 'force', word, word ~= 'auto' and ttl > 0 and now + ttl or 0, why, who)
return {'OK', ver, l}
