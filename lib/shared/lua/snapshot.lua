#!lua flags=no-writes
-- snapshot.lua - everything at a glance, changing nothing: for operators, and for routers while
-- Redis refuses writes.
--
-- ARGV: none
-- Reply: {"NONE"} where no router ever attached, else
--   {"LOOK", gen, ver, now, born,
--    {{line, ok, fail, slow, leases, t, seen, limwhy, check,
--      measured}, ...},                                          one per known key
--    {{id, host, pid, version, config, started, load, applied, seen, left}, ...}}   live routers
-- ok, fail, slow: this window's attempts.  t: time of the key's last change.  seen: a key's
-- last refresh, a router's last heartbeat.  Numbers are integers, except in what routers say
-- about themselves (host to applied, left), which is text; left: as in sync.lua.  check: {} or {ok|fail, t, what, ms, from}.
-- measured: as in averages.lua.
may_write = false

local function window(key)
    local h = redis.call('HGETALL', base .. 'w:' .. key)
    local w = {}
    for i = 1, #h, 2 do
        w[h[i]] = whole(h[i + 1])
    end
    local ok, fail, slow = 0, 0, 0
    if w.wms and w.wms >= 10 then
        local index = floor(now / floor(w.wms / 10))
        for i = 0, 9 do
            local t = w['t' .. i]
            if t and t > index - 10 and t <= index then
                ok, fail = ok + (w['ok' .. i] or 0), fail + (w['fail' .. i] or 0)
                slow = slow + (w['slow' .. i] or 0)
            end
        end
    end
    return ok, fail, slow
end

local function checked(key)
    local c = redis.call('HMGET', base .. 'check:' .. key, 'result', 't', 'what', 'ms', 'from')
    local t, ms = whole(c[2]), whole(c[4])
    return c[1] and t and c[3] and ms and {c[1], t, c[3], ms, c[5] or '-'} or {}
end

if not begin(nil) then
    return {'NONE'}
end
local keys, routers = {}, {}
local seen = redis.call('ZRANGE', base .. 'keys', 0, -1, 'WITHSCORES')
for i = 1, #seen, 2 do
    local r = load(seen[i])
    if r then
        local ok, fail, slow = window(r.key)
        local leases = redis.call('ZCOUNT', base .. 'p:' .. r.key, '(' .. text(now), '+inf')
        if r.funtil > 0 and r.funtil <= now then
            r.forced = 'auto' -- over; the next sync makes it a transition
        end
        keys[#keys + 1] = {line(r), ok, fail, slow, leases, r.t, tonumber(seen[i + 1]), r.limwhy,
            checked(r.key), measured(r.key)}
    end
end
local alive = redis.call('ZRANGEBYSCORE', base .. 'routers', '(' .. text(now - LOST_MS), '+inf',
    'WITHSCORES')
for i = 1, #alive, 2 do
    local h = redis.call('HMGET', base .. 'router:' .. alive[i], 'host', 'pid', 'version',
        'config', 'started', 'load', 'applied', 'left')
    local row = {alive[i]}
    for k = 1, 7 do
        row[k + 1] = h[k] or ''
    end
    row[9], row[10] = tonumber(alive[i + 1]), h[8] or ''
    routers[#routers + 1] = row
end
return {'LOOK', gen, ver, now, whole(redis.call('HGET', KEYS[1], 'born')) or 0, keys, routers}
