#!lua
-- check.lua - one router of the fleet checks a key from outside; everybody may read what it saw.
--
-- ARGV: gen key router lease_ms [ok|fail what took_ms]
-- Reply: {"HELD"} | {"BUSY", wait ms[, ok|fail, ms since then, what]} | {"UNKNOWN"} | {"GEN"}
--
-- Takes the lease when it is free or over, lengthens the caller's own.  A result counts only
-- while nobody else holds the lease; one that differs from the last is an event.
local key, router = arg_word(2, 'key', 130), arg_word(3, 'router')
local lease = arg_number(4, 1, LEASE_MAX, 'lease_ms')
local verdict, what, took = ARGV[5], nil, nil
if verdict then
    if verdict ~= 'ok' and verdict ~= 'fail' then
        bad('the result is none of ok, fail')
    end
    what, took = arg_word(6, 'what was seen'), arg_number(7, 0, NUMBER_MAX, 'took_ms')
end

if not begin(ARGV[1]) then
    return {'GEN'}
end
touch()
local r = take(key)
if not r then
    return {'UNKNOWN'}
end
local name = base .. 'check:' .. key
local c = redis.call('HMGET', name, 'by', 'until', 'result', 't', 'what')
local held_until = math.min(whole(c[2]) or 0, now + LEASE_MAX)
if c[1] and c[1] ~= router and held_until > now then
    local reply = {'BUSY', held_until - now}
    if c[3] and whole(c[4]) and c[5] then
        reply[3], reply[4], reply[5] = c[3], math.max(0, now - whole(c[4])), c[5]
    end
    return reply
end
redis.call('HSET', name, 'by', router, 'until', text(now + lease))
if verdict then
    redis.call('HSET', name, 'result', verdict, 't', text(now), 'what', what, 'ms', text(took),
        'from', router)
    if (c[3] or 'ok') ~= verdict then
        event('check', key, c[3] or '-', verdict, r.ep, what, router)
    end
end
redis.call('PEXPIRE', name, text(6 * LEASE_MAX))
return {'HELD'}
