#!lua
-- probe.lua - grants the right to send one probe, for a bounded time.
--
-- ARGV: gen key router token lease_ms half_open_max_calls ask|renew
-- Reply: {"GRANT", ep} | {"NO", "wait", ms} | {"NO", "busy", ms} | {"NO", "forced"}
--        | {"NO", "closed"} | {"NO", "gone"} | {"UNKNOWN"} | {"GEN"}
--
-- While a trip is in doubt, one probe may go before its time: of a router that did not report the
-- row that tripped the key.  The reporters wait until the doubt, or the open time, is over.
--
-- The same token asking again keeps its lease.  renew only ever lengthens a live lease: a
-- late one must not take a slot or start half-open by itself.
local key, router = arg_word(2, 'key', 130), arg_word(3, 'router')
local token = arg_word(4, 'token', 40)
local lease = arg_number(5, 1, LEASE_MAX, 'lease_ms')
local max = arg_number(6, 1, 64, 'half_open_max_calls')
local renew = ARGV[7] == 'renew'
local member = router .. ':' .. token
local leases = base .. 'p:' .. key

local function grant(r, settles)
    if settles then
        redis.call('HSET', base .. 'r:' .. key, 'dtok', member)
    end
    redis.call('ZADD', leases, text(now + lease), member)
    redis.call('PEXPIRE', leases, text(2 * LEASE_MAX))
    return {'GRANT', r.ep}
end

if not begin(ARGV[1]) then
    return {'GEN'}
end
touch()
local r = take(key)
if not r then
    return {'UNKNOWN'}
end
if r.forced == 'down' or r.forced == 'drain' then
    return {'NO', 'forced'}
elseif r.st == 'closed' then
    return {'NO', 'closed'}
elseif r.st == 'open' and renew then
    return {'NO', 'gone'}
end
local doubted = r.doubt > now
if doubted and redis.call('ZSCORE', base .. 'rep:' .. key, router) then
    return {'NO', 'wait', r.doubt - now}
elseif r.st == 'open' and now < r['until'] and not doubted then
    return {'NO', 'wait', r['until'] - now}
elseif r.st == 'open' then
    move(r, 'probe', 'half-open', doubted and 'second_opinion' or 'recovery_time_over', router)
end
redis.call('ZREMRANGEBYSCORE', leases, '-inf', text(now))
max = doubted and 1 or max
if redis.call('ZSCORE', leases, member) then
    return grant(r)
elseif renew then
    return {'NO', 'gone'}
elseif redis.call('ZCARD', leases) >= max then
    local first = redis.call('ZRANGE', leases, 0, 0, 'WITHSCORES')
    return {'NO', 'busy', math.max(1, tonumber(first[2]) - now)}
end
return grant(r, doubted)
