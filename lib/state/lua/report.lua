#!lua
-- report.lua - counts evidence for the whole fleet and trips the breaker.
--
-- ARGV: gen key ep router seq ok fail slow hard_since_ok
--       failure_threshold failure_rate minimum_requests slow_rate window_ms
--       recovery_ms recovery_max_ms forgive_ms jitter
-- Reply: {"OK"} | {"TRIP", line} | {"STALE", line} | {"DUP"} | {"UNKNOWN"} | {"GEN"}
--
-- The same rule as lib/policy/breaker.c, step by step; a test holds the two together.
local key, router = arg_word(2, 'key', 130), arg_word(4, 'router')
local ep, seq = arg_number(3, 0, NUMBER_MAX, 'ep'), arg_number(5, 1, NUMBER_MAX, 'seq')
local ok, fail = arg_number(6, 0, COUNT_MAX, 'ok'), arg_number(7, 0, COUNT_MAX, 'fail')
local slow = arg_number(8, 0, ok + fail, 'slow')
local hard = arg_number(9, 0, fail, 'hard_since_ok')
local threshold = arg_number(10, 1, COUNT_MAX, 'failure_threshold')
local rate = arg_number(11, 0, 100, 'failure_rate')
local minimum = arg_number(12, 0, COUNT_MAX, 'minimum_requests')
local slow_rate = arg_number(13, 0, 100, 'slow_rate')
local window = arg_number(14, 10, OPEN_MAX, 'window_ms')
local recovery = arg_number(15, 1, NUMBER_MAX, 'recovery_ms')
local recovery_max = arg_number(16, 1, NUMBER_MAX, 'recovery_max_ms')
local forgive = arg_number(17, 1, NUMBER_MAX, 'forgive_ms')
local jitter = arg_number(18, 0, 65535, 'jitter')

-- Adds to the current bucket; returns the window's total, failures and slow ones.
local function count()
    local name = base .. 'w:' .. key
    local index = floor(now / floor(window / 10))
    local fields = {}
    for i = 0, 9 do
        fields[4 * i + 1], fields[4 * i + 2] = 't' .. i, 'ok' .. i
        fields[4 * i + 3], fields[4 * i + 4] = 'fail' .. i, 'slow' .. i
    end
    local h = redis.call('HMGET', name, unpack(fields))
    local total, failed, slowed = 0, 0, 0
    local mine = {ok, fail, slow}
    local slot = index % 10
    for i = 0, 9 do
        local t = whole(h[4 * i + 1])
        if t and t > index - 10 and t <= index then
            local o, f, s = whole(h[4 * i + 2]) or 0, whole(h[4 * i + 3]) or 0, whole(h[4 * i + 4]) or 0
            total, failed, slowed = total + o + f, failed + f, slowed + s
            if i == slot and t == index then
                mine = {ok + o, fail + f, slow + s}
            end
        end
    end
    redis.call('HSET', name, 'wms', text(window), 't' .. slot, text(index), 'ok' .. slot,
        text(mine[1]), 'fail' .. slot, text(mine[2]), 'slow' .. slot, text(mine[3]))
    redis.call('PEXPIRE', name, text(2 * window))
    return total + ok + fail, failed + fail, slowed + slow
end

local function reached(share, part, total)
    return share > 0 and total >= 1 and total >= minimum and part * 100 >= share * total
end

local function percent(part, total)
    return text(floor(part * 100 / total)) .. '_percent_of_' .. text(total)
end

if not begin(ARGV[1]) then
    return {'GEN'}
end
touch()
if seq <= (whole(redis.call('HGET', base .. 'seq', router)) or 0) then
    return {'DUP'}
end
redis.call('HSET', base .. 'seq', router, text(seq))
local r = take(key)
if not r then
    return {'UNKNOWN'}
end
if ep ~= r.ep or r.st ~= 'closed' then
    return {'STALE', line(r)}
end
r.hard = ok > 0 and hard or r.hard + hard
if fail > 0 then
    r.n = math.max(0, r.n - floor(math.max(0, now - r.clean) / forgive))
    r.clean = now
end
local total, failed, slowed = count()
local why
if r.hard >= threshold then
    why = text(r.hard) .. '_failures_in_a_row'
elseif reached(rate, failed, total) then
    why = percent(failed, total) .. '_failed'
elseif reached(slow_rate, slowed, total) then
    why = percent(slowed, total) .. '_slow'
end
if not why then
    redis.call('HSET', base .. 'r:' .. key, 'hard', text(r.hard), 'n', text(r.n), 'clean',
        text(r.clean))
    return {'OK'}
end
r.n = r.n + 1
r['until'] = now + open_ms(r.n, recovery, recovery_max, jitter)
return {'TRIP', move(r, 'trip', 'open', why, router)}
