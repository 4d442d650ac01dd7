#!lua
-- reassert.lua - a router's last view of an earlier life of the data, while this one is young.
--
-- ARGV: gen router live|file prev, then per key ten words:
--       key ver st until n forced funtil why by lim
--   prev    the generation the view is of; ver: the key's version in it
--   until, funtil, lim   ms that are left; funtil - is no end
--   file    read from disk at a start: counts only where prev is the generation before this one
-- Reply, laid out as attach's: {"OK", gen, ver, now, born, live routers, line per given key...}
--         | {"GEN"}
--
-- Views of one earlier generation are in order, so the newest wins; surviving data are such a
-- view as well.  Between different ones (after a flush nothing survives) the more restrictive
-- wins, whichever is heard first: an operator's word over none, open over half-open over closed,
-- the longer time.  What happened in this generation stands against all of them.  Half-open becomes
-- open and due: its leases are gone.
local YOUNG_MS, SLACK_MS, FIELDS = 3000, 1000, 10
local RANK = {['closed'] = 0, ['half-open'] = 1, ['open'] = 2}
local WEIGHT = {['auto'] = 0, ['up'] = 1, ['drain'] = 2, ['down'] = 3}
local router, source = arg_word(2, 'router'), ARGV[3]
local prev = arg_word(4, 'the earlier generation')
if source ~= 'live' and source ~= 'file' then
    bad('the source is none of live, file')
end
if (#ARGV - 4) % FIELDS ~= 0 then
    bad('want ten words per key')
end

local function left(i, max)
    return math.min(max, arg_number(i, 0, NUMBER_MAX, 'a time that is left'))
end

local function view(at)
    local word, st = ARGV[at + 5], ARGV[at + 2]
    if not RANK[st] or not WEIGHT[word] then
        bad('a state is none of those there are')
    end
    local v = {
        ver = arg_number(at + 1, 0, NUMBER_MAX, 'ver'), st = st, forced = word, funtil = 0,
        ['until'] = now + left(at + 3, OPEN_MAX), n = arg_number(at + 4, 0, COUNT_MAX, 'n'),
        why = string.sub(ARGV[at + 7], 1, WORD_MAX), by = string.sub(ARGV[at + 8], 1, WORD_MAX),
        lim = now + left(at + 9, LIM_MAX),
    }
    if word ~= 'auto' and ARGV[at + 6] ~= '-' then
        v.funtil = now + left(at + 6, FORCED_MAX)
        if v.funtil == now then
            v.forced, v.funtil = 'auto', 0
        end
    end
    if st ~= 'open' then
        v['until'] = now
    end
    return v
end

-- Ends that differ by less than a message's way are the same end.
local function longer(a, b)
    return b ~= 0 and (a == 0 or a > b + SLACK_MS)
end

local function breaker(r, v, newer)
    local to = v.st == 'half-open' and 'open' or v.st
    local lasts = to == 'open' and r.st == 'open' and v['until'] > r['until'] + SLACK_MS
    local differs = to ~= r.st or lasts
        or (to == 'open' and r['until'] > v['until'] + SLACK_MS)
    if newer and differs or not newer and (RANK[v.st] > RANK[r.st] or lasts) then
        r['until'], r.n, r.clean, r.doubt = v['until'], v.n, now, 0
        move(r, 'reassert', to, 'reasserted', router)
        return true
    end
end

local function word(r, v, newer)
    local same = v.forced == r.forced
    local lasts = same and v.forced ~= 'auto' and longer(v.funtil, r.funtil)
    local differs = not same or lasts or (v.forced ~= 'auto' and longer(r.funtil, v.funtil))
    if newer and differs or not newer and (WEIGHT[v.forced] > WEIGHT[r.forced] or lasts) then
        local auto = v.forced == 'auto'
        overlay(r, 'reassert', v.forced, v.funtil, auto and 'reasserted' or v.why,
            auto and router or v.by)
        return true
    end
end

local function assert_key(r, v)
    local known = r.asg == prev
    if known and v.ver <= r.asv then
        return
    end
    local mixes = not known and r.asg ~= ''
    if mixes and source == 'file' then
        return
    end
    if not mixes then
        r.asg, r.asv = prev, v.ver
        redis.call('HSET', base .. 'r:' .. r.key, 'asg', r.asg, 'asv', text(r.asv))
    end
    local newer = known and r.mixed ~= gen
    local changed = r.bgen ~= gen and breaker(r, v, newer)
    changed = r.fgen ~= gen and word(r, v, newer) or changed
    if changed and mixes then
        redis.call('HSET', base .. 'r:' .. r.key, 'mixed', gen)
    end
    if v.lim > math.max(r.lim, now) + SLACK_MS then
        local from = r.lim > now and text(r.lim) or '0'
        r.lim, r.limwhy = v.lim, 'reasserted'
        publish(r, 'cool', from, text(r.lim), r.limwhy, router)
    end
end

if not begin(ARGV[1]) then
    return {'GEN'}
end
local views = {}
for at = 5, #ARGV, FIELDS do
    views[at] = view(at) -- all of them, before anything is written
    arg_word(at, 'a key', 130)
end
touch()
local m = redis.call('HMGET', KEYS[1], 'born', 'prev')
local born = whole(m[1]) or 0
local heard = now < born + YOUNG_MS and (source == 'live' or m[2] == prev)
local lines = {}
for at = 5, #ARGV, FIELDS do
    local r = take(ARGV[at])
    if r and heard then
        assert_key(r, views[at])
    end
    lines[#lines + 1] = r and line(r)
end
local reply = {'OK', gen, ver, now, born, redis.call('ZCARD', base .. 'routers')}
for i = 1, #lines do
    reply[6 + i] = lines[i]
end
return reply
