#!lua
-- sync.lua - heartbeat and repair: says whether anything was missed.
--
-- ARGV: gen router applied host pid version config started load key...
--   applied  the version up to which the router has missed nothing
--   key...   now and then, to keep the keys known; usually none
-- Reply: {"SAME", ver, now, live} | {"FULL", ver, now, live, line per known key...} | {"GEN"}
--
-- Also notices where the data went back, drops routers that were silent too long and ends forced
-- states whose time is over.
local router = arg_word(2, 'router')
local applied = arg_number(3, 0, NUMBER_MAX, 'applied')

-- Keys that no router named for a day.  An operator's word is kept; any other state has an end,
-- and it is over by then (OPEN_MAX, LIM_MAX).
local function drop_silent_keys()
    local old = redis.call('ZRANGEBYSCORE', base .. 'keys', '-inf', text(now - SILENT_KEY_MS),
        'LIMIT', 0, 100)
    for _, key in ipairs(old) do
        local r = load(key)
        if not r or r.forced == 'auto' then
            redis.call('ZREM', base .. 'keys', key)
            for _, kind in ipairs({'r:', 'w:', 'p:', 'ok:', 'row:', 'rep:', 'dis:', 'au:'}) do
                redis.call('DEL', base .. kind .. key)
            end
        end
    end
end

if not begin(ARGV[1]) then
    return {'GEN'}
end
touch()
if live_anew(true, '-', router, router) then
    return {'GEN'}
end
if #ARGV > 9 then
    know(10)
    drop_silent_keys()
end
local live = announce(router, text(applied), 4)
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
