#!lua
-- sync.lua - heartbeat and repair: says whether anything was missed.
--
-- ARGV: gen router applied host pid version config started load [n left... key...]
--   applied  the version up to which the router has missed nothing
--   left...  n keys that its own breaker keeps it from, though the fleet's is closed
--   key...   now and then, to keep the keys known; usually none
-- Reply: {"SAME", ver, now, live} | {"FULL", ver, now, live, line per known key...} | {"GEN"}
--
-- Also notices where the data went back, drops routers that were silent too long and ends forced
-- states whose time is over.
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
if #ARGV > 10 + n_left then
    know(11 + n_left)
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
