#!lua
-- attach.lua - joins the fleet and reads everything.
--
-- ARGV: router run random host pid version config started load key...
--   run     the server's run id as the router knows it, or -; used where ACL denies INFO
--   random  anything; with the time to the microsecond it makes a generation unique
-- Reply: {"OK", gen, ver, now, born, live routers, line per given key...}
--
-- A server with another run id, without data, or with another's starts a new generation, and so does
-- a given key that is lost or damaged.
local router = arg_word(1, 'router')
local run, random = arg_word(2, 'run'), arg_word(3, 'random')
if #ARGV < 9 then
    bad('want router run random host pid version config started load')
end

-- A line per key, nil: one of them is damaged.
local function lines()
    local out = {}
    for i = 10, #ARGV do
        local r = load(ARGV[i])
        if not r then
            return nil
        end
        out[#out + 1] = line(r)
    end
    return out
end

local exists = begin(nil)
touch()
live_anew(exists, run, random, router)
local lost = know(10, router)
redis.call('HDEL', base .. 'seq', router)
local live = announce(router, text(ver), 4)
local found = not lost and lines()
if not found then
    live_anew(true, run, random, router, lost or 'damaged')
end
local before = ver
expire_all() -- not before: with a loss the generation ends there
if not found or ver ~= before then
    found = lines()
end
local reply = {'OK', gen, ver, now, whole(redis.call('HGET', KEYS[1], 'born')) or now, live}
for i = 1, #found do
    reply[6 + i] = found[i]
end
return reply
