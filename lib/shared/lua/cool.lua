#!lua
-- cool.lua - keeps everybody away from a key for a time; the longer of two always wins.
--
-- ARGV: gen key router for_ms throttled|quota|auth [times]
--   times  so often in a row, as the router counted; some of them may never have come here
-- Reply: {"OK", line} | {"NOTED", times} | {"UNKNOWN"} | {"GEN"}
--
-- auth (our key was refused) keeps the key from everybody only when one router saw it three times
-- in a row and no other one can use the key: a stale config of one host is that host's matter.
local key, router = arg_word(2, 'key', 130), arg_word(3, 'router')
local wait = math.min(LIM_MAX, arg_number(4, 0, NUMBER_MAX, 'for_ms'))
local why = arg_word(5, 'the reason', 20)
local times = ARGV[6] and arg_number(6, 0, COUNT_MAX, 'times') or 0

local REFUSALS, REFUSALS_MS = 3, 600000

-- How often in a row, this time included; a success of the same router starts anew.
local function refusals()
    local name = base .. 'au:' .. key
    local n, t = string.match(redis.call('HGET', name, router) or '', '^(%d+) (%d+)$')
    local ok = tonumber(redis.call('ZSCORE', base .. 'ok:' .. key, router))
    n = ok and ok >= (whole(t) or 0) and 1 or (whole(n, COUNT_MAX - 1) or 0) + 1
    n = math.max(n, times)
    redis.call('HSET', name, router, text(n) .. ' ' .. text(now))
    local all = redis.call('HGETALL', name)
    for i = 1, #all, 2 do -- a router that restarts comes by another name, so these would add up
        local last = whole(string.match(all[i + 1], ' (%d+)$'))
        if not last or last <= now - REFUSALS_MS then
            redis.call('HDEL', name, all[i])
        end
    end
    redis.call('PEXPIRE', name, text(REFUSALS_MS))
    return n
end

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
if why == 'auth' then
    local n = refusals()
    if n < REFUSALS or others_can(key, function(id) return id == router end) then
        return {'NOTED', n}
    end
end
local from = r.lim > now and text(r.lim) or '0'
r.lim, r.limwhy = now + wait, why
return {'OK', publish(r, 'cool', from, text(r.lim), why, router)}
