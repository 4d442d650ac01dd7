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

local function is_key(key)
    return key ~= '' and #key <= 130 and #encode(key, LINE_MAX) <= 160
end

local function known_keys()
    local keys = {}
    for _, key in ipairs(redis.call('ZRANGE', base .. 'keys', 0, -1)) do
        if is_key(key) then
            keys[#keys + 1] = key
        end
    end
    return keys
end

local function count_keys()
    redis.call('HSET', KEYS[1], 'known', text(redis.call('ZCARD', base .. 'keys')))
end

-- Brings a key of an earlier life into this one.  Its leases are gone, so half-open becomes open
-- and due; closed, open and forced stay.
local function take_over(r, prev, who)
    redis.call('DEL', base .. 'p:' .. r.key, base .. 'row:' .. r.key, base .. 'rep:' .. r.key)
    redis.call('HSET', base .. 'r:' .. r.key, 'asg', r.of or prev, 'asv', text(r.v))
    r.v = 0
    save(r)
    if r.st == 'half-open' then
        r['until'], r.doubt = now, 0
        move(r, 'attach', 'open', 'redis_restarted', who)
    end
end

-- Makes the keys ARGV[from..] known to operators, new ones as closed.  A key that was known and is
-- not there is lost: its name.  One of an earlier life, which nobody knew any more, is taken over.
local function know(from, who)
    for i = from, #ARGV do
        arg_word(i, 'a key', 130)
        if not is_key(ARGV[i]) then
            bad('a key is too long')
        end
    end
    local n, known = redis.call('ZCARD', base .. 'keys'), whole(redis.call('HGET', KEYS[1], 'known')) or 0
    local lost = n < known and 'keys' or nil
    for i = from, #ARGV do
        local key = ARGV[i]
        local new = redis.call('ZADD', base .. 'keys', text(now), key) == 1
        n = new and n + 1 or n
        if n > KEYS_MAX then
            redis.call('ZREM', base .. 'keys', key)
            bad('the fleet already knows as many keys as it may')
        end
        local r = new and load(key)
        if r and r.of ~= gen then
            take_over(r, redis.call('HGET', KEYS[1], 'prev') or '-', who)
        elseif new and not r then
            save_new(key)
        elseif not new and redis.call('HEXISTS', base .. 'r:' .. key, 'st') == 0 then
            lost = 'r:' .. key
        end
    end
    if n > known then
        count_keys()
    end
    return lost
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

-- The life that the keys are of, where meta does not say it any more.
local function past_gen(keys, was)
    for _, key in ipairs(keys) do
        if was[key] and was[key].of then
            return was[key].of
        end
    end
    return '-'
end

-- A server with another run id than the data, without any, or with those of another server starts a
-- new generation (true), and so does a loss: versions begin again, so they must not be compared
-- with older ones.  run: as the caller knows it, or -; used where ACL denies INFO.
local function live_anew(exists, run, random, who, lost)
    run = told('server', 'run_id') or run
    local same_run = exists and (run == '-' or redis.call('HGET', KEYS[1], 'run') == run)
    if same_run and not was_demoted() and not lost then
        return false
    end
    local keys, was = known_keys(), {}
    for _, key in ipairs(keys) do
        was[key] = load(key) -- as of the life that ends
    end
    local prev, time = gen or past_gen(keys, was), table.concat(redis.call('TIME'), '.')
    gen = string.sub(redis.sha1hex(run .. ' ' .. time .. ' ' .. random .. ' ' .. prev), 1, 16)
    ver = 0
    redis.call('HSET', KEYS[1], 'run', run, 'gen', gen, 'prev', prev, 'ver', '0', 'born', text(now),
        'repl', gen .. ' ' .. (told('replication', 'master_replid') or '-'))
    event('attach', '', prev, gen, 0, lost and 'lost_' .. lost or '', who)
    for _, key in ipairs(keys) do
        if was[key] then
            take_over(was[key], prev, who)
        else
            save_new(key)
        end
    end
    count_keys()
    return true
end
