-- common_fleet.lua - what every script shares about the fleet: routers and what they measure, the
-- keys that are known, and when a life of the data begins.  Stands behind common.lua, which
-- lists the names and fields.

-- Whole numbers of a text, missing ones as 0.
local function numbers(s, n)
    local out = {}
    for w in string.gmatch(s or '', '%d+') do
        out[#out + 1] = whole(w) or 0
    end
    for i = #out + 1, n do
        out[i] = 0
    end
    return out
end

-- Replaces a router's row of what a key does for it; row nil: takes it away.  The sums follow
-- each change, so that no call reads all rows.
local function measure(key, id, row)
    local name = base .. 'lat:' .. key
    local h = redis.call('HMGET', name, id, '*')
    local was, sum = numbers(h[1], 6), numbers(h[2], 6)
    local is = row and {row[2], row[3], row[4], row[5], row[6], row[7]} or {0, 0, 0, 0, 0, 0}
    local function parts(r)
        return {r[1] * r[3], r[2] * r[3], r[3], r[4], r[5] * r[6], r[6]}
    end
    local old, new, out = parts(was), parts(is), {}
    for i = 1, 6 do
        sum[i] = math.max(0, sum[i] - old[i] + new[i])
        out[i] = text(sum[i])
    end
    if is[3] + is[4] + is[6] == 0 then
        redis.call('HDEL', name, id)
    else
        for i = 1, 6 do
            is[i] = text(is[i])
        end
        redis.call('HSET', name, id, table.concat(is, ' ') .. ' ' .. text(now))
    end
    local last = numbers(redis.call('HGET', name, '+'), 3)
    if sum[3] > 0 then
        last[1], last[2] = floor(sum[1] / sum[3]), floor(sum[2] / sum[3])
    end
    if sum[6] > 0 then
        last[3] = floor(sum[5] / sum[6] + 0.5) + 1 -- 0: nobody said
    end
    redis.call('HSET', name, '*', table.concat(out, ' '), '+',
        text(last[1]) .. ' ' .. text(last[2]) .. ' ' .. text(last[3]))
    redis.call('PEXPIRE', name, text(MEASURE_MS))
end

-- {first_us, total_us, health, inflight} of the fleet, "-" for what nobody knows.
local function measured(key)
    local h = redis.call('HMGET', base .. 'lat:' .. key, '+', '*')
    local last, sum = numbers(h[1], 3), numbers(h[2], 6)
    local timed = last[1] > 0 or last[2] > 0
    return {timed and text(last[1]) or '-', timed and text(last[2]) or '-',
        last[3] > 0 and text(last[3] - 1) or '-', text(sum[4])}
end

-- What a router that is gone would only block or blur: its checks, its measures.
local function forget_work(id)
    for _, key in ipairs(redis.call('ZRANGE', base .. 'keys', 0, -1)) do
        if redis.call('HGET', base .. 'check:' .. key, 'by') == id then
            redis.call('HDEL', base .. 'check:' .. key, 'by', 'until')
        end
        if redis.call('HEXISTS', base .. 'lat:' .. key, id) == 1 then
            measure(key, id, nil)
        end
    end
end

local function forget_router(id, kind)
    forget_work(id)
    redis.call('ZREM', base .. 'routers', id)
    redis.call('HDEL', base .. 'seq', id)
    redis.call('DEL', base .. 'router:' .. id)
    event(kind, '', '', '', 0, '', id)
end

-- Heartbeat; ARGV[at..at+5]: host pid version config started load.
local function announce(id, applied, at)
    for i = at, at + 5 do
        if not ARGV[i] or #ARGV[i] > 256 then
            bad('a word about the router is missing or too long')
        end
    end
    if redis.call('ZADD', base .. 'routers', text(now), id) == 1 then
        event('join', '', '', '', 0, '', id)
    end
    redis.call('HSET', base .. 'router:' .. id, 'host', ARGV[at], 'pid', ARGV[at + 1],
        'version', ARGV[at + 2], 'config', ARGV[at + 3], 'started', ARGV[at + 4],
        'load', ARGV[at + 5], 'applied', applied)
    local lost = redis.call('ZRANGEBYSCORE', base .. 'routers', '-inf', text(now - LOST_MS),
        'LIMIT', 0, 100)
    for _, other in ipairs(lost) do
        forget_router(other, 'lost')
    end
    return redis.call('ZCARD', base .. 'routers')
end

-- Makes the keys ARGV[from..] known to operators, new ones as closed.
local function know(from)
    for i = from, #ARGV do
        arg_word(i, 'a key', 130)
        if #encode(ARGV[i], LINE_MAX) > 160 then
            bad('a key is too long')
        end
    end
    for i = from, #ARGV do
        local r = base .. 'r:' .. ARGV[i]
        if redis.call('ZADD', base .. 'keys', text(now), ARGV[i]) == 1
            and redis.call('ZCARD', base .. 'keys') > KEYS_MAX then
            redis.call('ZREM', base .. 'keys', ARGV[i])
            bad('the fleet already knows as many keys as it may')
        end
        if redis.call('HSETNX', r, 'st', 'closed') == 1 then
            redis.call('HSET', r, 'ep', '1', 'v', '0', 't', text(now), 'clean', text(now))
        end
    end
end

local function known_keys()
    return redis.call('ZRANGE', base .. 'keys', 0, -1)
end

local function told(section, name)
    local info = redis.pcall('INFO', section) -- ACL may deny it
    return type(info) == 'string' and string.match(info, name .. ':(%w+)') or nil
end

-- Was this server demoted, filled from another and promoted again since this generation began?
-- It keeps its run id then, but goes on from another history of the data.  (A first replica, or
-- none for long, changes its replication id as well, but leaves no second one.)
local function was_demoted()
    local id = told('replication', 'master_replid')
    local here = id and gen .. ' ' .. id
    local was = here and (redis.call('HGET', KEYS[1], 'repl') or '')
    if was ~= here and string.match(was, '^(%S+) %w+$') == gen
        and string.find(told('replication', 'master_replid2') or '0', '[^0]') then
        return true
    elseif was ~= here then
        redis.call('HSET', KEYS[1], 'repl', here)
    end
    return false
end

-- A server with another run id than the data, without any, or with those of another server starts a
-- new generation (true): versions begin again, so they must not be compared with older ones.
-- Leases die with the old one and half-open becomes open and due; closed, open and forced states
-- stay where they survived.  run: as the caller knows it, or -; used where ACL denies INFO.
local function live_anew(exists, run, random, who)
    run = told('server', 'run_id') or run
    local same_run = exists and (run == '-' or redis.call('HGET', KEYS[1], 'run') == run)
    if same_run and not was_demoted() then
        return false
    end
    local prev, time = gen or '-', table.concat(redis.call('TIME'), '.')
    gen = string.sub(redis.sha1hex(run .. ' ' .. time .. ' ' .. random .. ' ' .. prev), 1, 16)
    ver = 0
    redis.call('HSET', KEYS[1], 'run', run, 'gen', gen, 'prev', prev, 'ver', '0', 'born', text(now),
        'repl', gen .. ' ' .. (told('replication', 'master_replid') or '-'))
    event('attach', '', prev, gen, 0, '', who)
    for _, key in ipairs(known_keys()) do
        local r = load(key)
        redis.call('DEL', base .. 'p:' .. key, base .. 'row:' .. key, base .. 'rep:' .. key)
        if r then
            redis.call('HSET', base .. 'r:' .. key, 'v', '0', 'asg', prev, 'asv', text(r.v))
        end
        if r and r.st == 'half-open' then
            r['until'], r.doubt = now, 0
            move(r, 'attach', 'open', 'redis_restarted', who)
        end
    end
    return true
end
