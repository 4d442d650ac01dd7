#!lua
-- attach.lua - joins the fleet and reads everything.
--
-- ARGV: router run random host pid version config started load key...
--   run     the server's run id as the router knows it, or -; used where ACL denies INFO
--   random  anything; with the time to the microsecond it makes a generation unique
-- Reply: {"OK", gen, ver, now, born, live routers, line per given key...}
--
-- A server with another run id, or without data, starts a new generation: versions begin
-- again, so they must not be compared with older ones.  Leases die with the old one and
-- half-open becomes open and due; closed, open and forced states stay where they survived.
local router = arg_word(1, 'router')
local run, random = arg_word(2, 'run'), arg_word(3, 'random')
if #ARGV < 9 then
    bad('want router run random host pid version config started load')
end

local function new_generation(prev)
    local seed = table.concat(redis.call('TIME'), '.') .. ' ' .. random .. ' ' .. prev
    gen = string.sub(redis.sha1hex(run .. ' ' .. seed), 1, 16)
    ver = 0
    redis.call('HSET', KEYS[1], 'run', run, 'gen', gen, 'prev', prev, 'ver', '0', 'born', text(now))
    event('attach', '', prev, gen, 0, '', router)
    local keys = known_keys()
    for _, key in ipairs(keys) do
        redis.call('DEL', base .. 'p:' .. key, base .. 'row:' .. key, base .. 'rep:' .. key)
        local v = redis.call('HGET', base .. 'r:' .. key, 'v')
        if v then
            redis.call('HSET', base .. 'r:' .. key, 'v', '0', 'asg', prev, 'asv', v)
        end
    end
    for _, key in ipairs(keys) do
        local r = load(key)
        if r and r.st == 'half-open' then
            r['until'], r.doubt = now, 0
            move(r, 'attach', 'open', 'redis_restarted', router)
        end
    end
end

local info = redis.pcall('INFO', 'server')
if type(info) == 'string' then
    run = string.match(info, 'run_id:(%w+)') or run
end
local exists = begin(nil)
touch()
local was = redis.call('HGET', KEYS[1], 'run')
if not exists or (run ~= '-' and was ~= run) then
    new_generation(gen or '-')
end
know(10)
redis.call('HDEL', base .. 'seq', router)
local live = announce(router, text(ver), 4)
expire_all()
local reply = {'OK', gen, ver, now, whole(redis.call('HGET', KEYS[1], 'born')) or now, live}
for i = 10, #ARGV do
    reply[#reply + 1] = line(load(ARGV[i]))
end
reply[3] = ver
return reply
