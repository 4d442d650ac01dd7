#!lua
-- sync.lua - heartbeat and repair: says whether anything was missed.
--
-- ARGV: gen router applied host pid version config started load [n left... key...]
--   applied  the version up to which the router has missed nothing
--   left...  n keys that its own breaker keeps it from, though the fleet's is closed
--   key...   now and then, to keep the keys known; usually none
-- Reply: {"SAME", ver, now, live} | {"FULL", ver, now, live, line per known key...} | {"GEN"}
--
-- Also notices where the data went back or lost a key, drops routers that were silent too long and
-- ends forced states whose time is over.
local LOOK_MS, LOOK_MAX, ATTACH_MS = 500, 128, 4
local router = arg_word(2, 'router')
local applied = arg_number(3, 0, NUMBER_MAX, 'applied')
local n_left = ARGV[10] and arg_number(10, 0, #ARGV - 10, 'n') or 0
local LEFT_MAX = 64 -- more of them need not be told one by one

-- Keys that no router named for a day.  An operator's word is kept; any other state has an end,
-- and it is over by then (OPEN_MAX, LIM_MAX).
local function drop_silent_keys()
    local old = redis.call('ZRANGEBYSCORE', base .. 'keys', '-inf', text(now - SILENT_KEY_MS),
        'LIMIT', 0, 100)
    for _, key in ipairs(old) do
        local r = load(key)
        if not r or r.forced == 'auto' then
            redis.call('ZREM', base .. 'keys', key)
            for _, kind in ipairs({'r:', 'w:', 'p:', 'ok:', 'row:', 'bad:', 'slow:', 'rep:', 'dis:',
                'au:'}) do
                redis.call('DEL', base .. kind .. key)
            end
        end
    end
    if #old > 0 then
        count_keys()
    end
end

-- The name of a key that is lost or damaged, or nil and the ones that were looked at.  The whole fleet looks only so often, at
-- no more than LOOK_MAX keys, each time at the next ones; and not before all of it can have attached
-- after the last loss, so that a Redis which evicts all the time is not kept busy with that alone.
local function lost_key()
    local m = redis.call('HMGET', KEYS[1], 'known', 'seen', 'next', 'born')
    local attached = (whole(m[4], now) or 0) + ATTACH_MS * redis.call('ZCARD', base .. 'routers')
    if now < math.max(attached, (whole(m[2], now) or 0) + LOOK_MS) then
        return nil
    end
    local n = redis.call('ZCARD', base .. 'keys')
    if n < (whole(m[1]) or 0) then
        return 'keys'
    end
    local from = n > LOOK_MAX and whole(m[3], n - 1) or 0
    redis.call('HSET', KEYS[1], 'seen', text(now), 'next', text(from + LOOK_MAX))
    local sound = {}
    for _, key in ipairs(redis.call('ZRANGE', base .. 'keys', from, from + LOOK_MAX - 1)) do
        local r = load(key)
        if not r and is_key(key) then
            return 'r:' .. key
        end
        sound[#sound + 1] = r
    end
    return nil, sound
end

-- Percent-encoded, with a space between two.
local function say_left()
    local names, about = {}, base .. 'router:' .. router
    for i = 11, 10 + math.min(n_left, LEFT_MAX) do
        names[#names + 1] = encode(arg_word(i, 'a key', 130), LINE_MAX)
    end
    if #names > 0 then
        redis.call('HSET', about, 'left', table.concat(names, ' '))
    else
        redis.call('HDEL', about, 'left')
    end
end

if not begin(ARGV[1]) then
    return {'GEN'}
end
touch()
if live_anew(true, '-', router, router) then
    return {'GEN'}
end
local lost, sound = lost_key()
local names = 11 + n_left
if #ARGV >= names then
    lost = know(names, router) or lost
end
if lost then
    live_anew(true, '-', router, router, lost)
    return {'GEN'}
end
for _, r in ipairs(sound or {}) do
    expire_forced(r) -- the key that says when may be lost itself
end
if #ARGV >= names then
    drop_silent_keys()
end
local live = announce(router, text(applied), 4)
say_left()
expire_all()
if applied == ver then
    return {'SAME', ver, now, live}
end
local reply = {'FULL', ver, now, live}
for _, key in ipairs(known_keys()) do
    local r = load(key)
    if r then
        reply[#reply + 1] = line(r)
    end
end
return reply
