#!lua
-- done.lua - ends a probe.  Only a live lease of the current epoch counts.
--
-- ARGV: gen key router ep token ok|fail|abandon recovery_ms recovery_max_ms
--       success_threshold jitter [none|second_opinion|quorum:N]
-- A probe that fails opens the key in doubt, as a trip does (report.lua): who has not failed yet
-- may try it at once, until one succeeds or enough have failed.  Of a trip that nobody has
-- confirmed, one success decides: it closes without a ramp and overrules those with a part in it.
-- Reply: {"OK", successes} | {"MOVED", line} | {"STALE", line} | {"EXPIRED"} | {"UNKNOWN"}
--        | {"GEN"}
local key, router = arg_word(2, 'key', 130), arg_word(3, 'router')
local ep, token = arg_number(4, 0, NUMBER_MAX, 'ep'), arg_word(5, 'token', 40)
local verdict = ARGV[6]
if verdict ~= 'ok' and verdict ~= 'fail' and verdict ~= 'abandon' then
    bad('the verdict is none of ok, fail, abandon')
end
local recovery = arg_number(7, 1, NUMBER_MAX, 'recovery_ms')
local recovery_max = arg_number(8, 1, NUMBER_MAX, 'recovery_max_ms')
local DISSENT_MS, DISSENT_MAX = 60000, 3600000
local threshold = arg_number(9, 1, COUNT_MAX, 'success_threshold')
local jitter = arg_number(10, 0, 65535, 'jitter')
local need = opinions_needed(ARGV[11] or 'none')

-- What the reporters see of this key is theirs alone for a while, longer each time.
local function overrule()
    local name = base .. 'dis:' .. key
    for _, id in ipairs(redis.call('ZRANGE', base .. 'rep:' .. key, 0, -1)) do
        local n = string.match(redis.call('HGET', name, id) or '', '^%d+ (%d+)$')
        n = (whole(n, 60) or 0) + 1
        local ms = math.min(DISSENT_MAX, DISSENT_MS * 2 ^ (n - 1))
        redis.call('HSET', name, id, text(now + ms) .. ' ' .. text(n))
    end
    local all = redis.call('HGETALL', name)
    for i = 1, #all, 2 do -- a router that restarts comes by another name, so these would add up
        local till = whole(string.match(all[i + 1], '^%d+'))
        if not till or till <= now - DISSENT_MAX then
            redis.call('HDEL', name, all[i])
        end
    end
    redis.call('PEXPIRE', name, text(2 * DISSENT_MAX))
end

if not begin(ARGV[1]) then
    return {'GEN'}
end
touch()
local r = take(key)
if not r then
    return {'UNKNOWN'}
end
if ep ~= r.ep or r.st ~= 'half-open' then
    return {'STALE', line(r)}
end
local leases, member = base .. 'p:' .. key, router .. ':' .. token
local expiry = redis.call('ZSCORE', leases, member)
if not expiry or tonumber(expiry) <= now then
    return {'EXPIRED'}
end
redis.call('ZREM', leases, member)
local settles = r.dtok == member
if settles then
    r.dtok = ''
    redis.call('HSET', base .. 'r:' .. key, 'dtok', '')
end
if settles and verdict == 'ok' and r.tripped > 0 then
    r.n, r.clean = math.max(0, r.n - 1), now
    overrule()
    return {'MOVED', move(r, 'close', 'closed', 'second_opinion', router)}
elseif verdict == 'fail' then
    if not settles then
        r.n, r.tripped = r.n + 1, 0
    end
    r['until'] = now + open_ms(r.n, recovery, recovery_max, jitter)
    blame(key, {router}, settles)
    r.doubt = is_doubtful(key, need, r.tripped) and r['until'] or 0
    return {'MOVED', move(r, 'reopen', 'open', 'probe_failed', router)}
elseif verdict == 'ok' then
    r.succ = r.succ + 1
    if r.succ >= threshold then
        local why = text(r.succ) .. '_probes_succeeded'
        r.clean, r.ramp = now, now
        return {'MOVED', move(r, 'close', 'closed', why, router)}
    end
    redis.call('HSET', base .. 'r:' .. key, 'succ', text(r.succ))
end
return {'OK', r.succ}
