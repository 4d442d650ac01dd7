#!lua
-- cool.lua - keeps everybody away from a key for a time; the longer of two always wins.
--
-- ARGV: gen key router for_ms throttled|quota|auth
-- Reply: {"OK", line} | {"UNKNOWN"} | {"GEN"}
local key, router = arg_word(2, 'key', 130), arg_word(3, 'router')
local wait = math.min(LIM_MAX, arg_number(4, 0, NUMBER_MAX, 'for_ms'))
local why = arg_word(5, 'the reason', 20)

if not begin(ARGV[1]) then
    return {'GEN'}
end
touch()
local r = take(key)
if not r then
    return {'UNKNOWN'}
end
if now + wait <= math.max(r.lim, now) then
    return {'OK', line(r)}
end
local from = r.lim > now and text(r.lim) or '0'
r.lim, r.limwhy = now + wait, why
return {'OK', publish(r, 'cool', from, text(r.lim), why, router)}
