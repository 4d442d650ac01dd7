#!lua
-- report.lua - counts evidence for the whole fleet and trips the breaker.
--
-- ARGV: gen key ep router seq ok fail slow hard_since_ok
--       failure_threshold failure_rate minimum_requests slow_rate window_ms
--       recovery_ms recovery_max_ms forgive_ms jitter
--       [none|second_opinion|quorum:N own_failing own_slow]
--   own_*  0 or 1: does half of the rate hold for this router's own attempts?
-- Reply: {"OK"} | {"TRIP", line} | {"STALE", line} | {"ALONE", ms, key} | {"DUP"} | {"UNKNOWN"}
--        | {"GEN"}
--   ALONE: the router was overruled, what it sees of this key is its own matter for so long
--
-- The same rule as lib/policy/breaker.c, step by step; a test holds the two together.  What
-- needs others is here alone.  A part in a trip has who failed since the last success of anybody
-- (a row), or whose own attempts fail or are slow half as often as the rate says, or more:
--   second_opinion  it trips in doubt where fewer than 8 have one and a live router without one had
--                   a success in the last 10 s
--   quorum:N        it trips when N routers have one (or all that live)
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
local confirm = ARGV[19] or 'none'
local need, quorum = opinions_needed(confirm), string.find(confirm, 'quorum', 1, true)
local own_failing, own_slow = ARGV[20] == '1', ARGV[21] == '1'
local OPINIONS_MAX, ROW_MS = 64, 3600000
local oks, row = base .. 'ok:' .. key, base .. 'row:' .. key
local failing, slowing = base .. 'bad:' .. key, base .. 'slow:' .. key

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

-- Keeps this router among those of that name, or takes it away.
local function mark(name, is)
    if is then
        redis.call('ZADD', name, text(now), router)
        redis.call('ZREMRANGEBYSCORE', name, '-inf', text(now - window))
        redis.call('PEXPIRE', name, text(window))
    else
        redis.call('ZREM', name, router)
    end
end

-- Notes who succeeded and who has a part in what.  Before r.hard takes the report in.
local function note(r)
    if ok > 0 then
        redis.call('ZADD', oks, text(now), router)
        redis.call('ZREMRANGEBYSCORE', oks, '-inf', text(now - OPINION_MS))
        redis.call('ZREMRANGEBYRANK', oks, 0, -OPINIONS_MAX - 1)
        redis.call('PEXPIRE', oks, text(6 * OPINION_MS)) -- for as long as a doubt may last
        if r.hard > 0 then
            redis.call('DEL', row)
        end
    end
    if hard > 0 then
        redis.call('ZADD', row, text(now), router)
        redis.call('PEXPIRE', row, text(ROW_MS))
    end
    mark(failing, own_failing)
    if slow_rate > 0 then
        mark(slowing, own_slow)
    end
end

local function agreed(part)
    local live = quorum and redis.call('ZCOUNT', base .. 'routers', '(' .. text(now - LOST_MS), '+inf')
    return not quorum or #part >= math.min(need, math.max(1, live))
end

local function within_window(name)
    return redis.call('ZRANGEBYSCORE', name, '(' .. text(now - window), '+inf')
end

-- Which of the rules speaks: why, and who has a part in it.
local function verdict(r)
    local total, failed, slowed = count()
    local part = r.hard >= threshold and redis.call('ZRANGE', row, 0, -1)
    if part and agreed(part) then
        return text(r.hard) .. '_failures_in_a_row', part
    end
    part = reached(rate, failed, total) and within_window(failing)
    if part and agreed(part) then
        return percent(failed, total) .. '_failed', part
    end
    part = reached(slow_rate, slowed, total) and within_window(slowing)
    if part and agreed(part) then
        return percent(slowed, total) .. '_slow', part
    end
end

-- How long what this router sees is its own matter.
local function overruled_ms()
    local text_until = redis.call('HGET', base .. 'dis:' .. key, router)
    local till = text_until and whole(string.match(text_until, '^(%d+) ')) or 0
    return math.max(0, till - now)
end

if not begin(ARGV[1]) then
    return {'GEN'}
end
touch()
if seq <= (whole(redis.call('HGET', base .. 'seq', router)) or 0) then
    return {'DUP'}
end
redis.call('HSET', base .. 'seq', router, text(seq))
local heard = ver
local r = take(key)
if not r then
    return {'UNKNOWN'}
end
if ep ~= r.ep or r.st ~= 'closed' or ver ~= heard then
    return {'STALE', line(r)} -- nothing can have begun in an epoch that begins with this call
end
local alone_ms = overruled_ms()
if alone_ms > 0 then
    return {'ALONE', alone_ms, key}
end
note(r)
r.hard = ok > 0 and hard or r.hard + hard
if fail > 0 then
    r.n = math.max(0, r.n - floor(math.max(0, now - r.clean) / forgive))
    r.clean = now
end
local why, part = verdict(r)
if not why then
    redis.call('HSET', base .. 'r:' .. key, 'hard', text(r.hard), 'n', text(r.n), 'clean',
        text(r.clean))
    return {'OK'}
end
r.n = r.n + 1
r['until'] = now + open_ms(r.n, recovery, recovery_max, jitter)
blame(key, part)
r.tripped = now
r.doubt = is_doubtful(key, need, now) and r['until'] or 0
return {'TRIP', move(r, 'trip', 'open', why, router)}
