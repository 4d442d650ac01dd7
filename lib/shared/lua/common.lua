-- common.lua - what every script shares; stands, with common_fleet.lua behind it, in front of
-- each one's own text.
--
-- KEYS[1] is always {sluice:F}:meta; all other names are derived from it, so every script
-- stays in one hash slot:
--
--   meta        HASH   run repl gen prev ver born last off   one life of the data; its clock
--                      known seen                       how many keys there must be; when the data
--                                                       were last looked through for lost ones
--   keys        ZSET   key -> last time a router that knows it attached or refreshed it
--   r:<key>     HASH   st ep until n succ hard clean    the breaker (hard: failures in a row)
--                      forced funtil fwhy fwho fid      the operator's word (fid: id=ver ...)
--                      lim limwhy                       cooling
--                      why by t v                       last change: reason, actor, time, version
--                      bgen fgen                        generation in which the breaker moved by
--                                                       itself; in which an operator spoke
--                      asg asv                          generation and version of the earlier life
--                                                       that this state was taken over from
--                      mixed                            generation in which a third life's view won
--                      ramp                             when it closed after probes: its share of
--                                                       the traffic grows from then on
--                      doubt dtok tripped               end of a doubt about it, 0: none;
--                                                       router:token of the probe that settles it;
--                                                       when that was, 0: a later probe has failed
--                      sum                              "gen v digest" of what others may see
--   w:<key>     HASH   wms t<i> ok<i> fail<i> slow<i>   the window, 10 buckets
--   p:<key>     ZSET   router:token -> lease expiry
--   check:<key> HASH   by until                         who checks it from outside, how long yet
--                      result t what ms from            what was seen last: ok or fail
--   ok:<key>    ZSET   router -> last success; the latest 64 of 10 s, for second opinions
--   row:<key>   ZSET   routers whose failures make up the row that `hard` counts -> the last one
--   bad:<key>   ZSET   routers whose own attempts fail half as often as the rule allows, or more
--   slow:<key>  ZSET   the same of slow attempts
--   rep:<key>   ZSET   who had a part in the trip, and whose probes failed since
--   au:<key>    HASH   router -> "n t": how often in a row its key was refused, when last
--   dis:<key>   HASH   router -> "until n": overruled, its evidence does not count until then
--   lat:<key>   HASH   router -> "first_us total_us n inflight health health_n t"
--                      *                                the weighted sums of all rows
--                      +                                the averages when somebody last had news
--   forced      ZSET   key -> end of its forced state, where it has one
--   seq         HASH   router -> number of its last report
--   routers     ZSET   router -> last heartbeat
--   router:<id> HASH   host pid version config started load applied left
--   push        channel: one state line per change; KEYS[2] names another one
--   log         STREAM of about 10000 events, read by XRANGE/XREAD.  Fields of each:
--               t     ms, the clock below
--               kind  trip probe close reopen       the breaker moved: from, to are its states
--                     force expire                  the operator's word: from, to are its words
--                     cool                          to is the end of the cooling
--                     check                         a check from outside: from, to are ok, fail
--                     attach                        new generation: from, to are generations;
--                                                   or, with a key: half-open became open
--                     reassert                      a router's view of an earlier generation:
--                                                   from, to are states, or an operator's words
--                     join leave lost               a router; by is its id
--               key   or -            ep ver   after the change (0 where there is none)
--               from to why by        plain text, never empty ("-")
--
-- State line (push and snapshot), at most 512 bytes, single spaces:
--   1 gen ver now key st ep until n forced funtil why by lim [ramp [doubt [cools]]]
-- until is 0 unless open, and never before now; funtil 0: no end; lim 0: not cooling; ramp, doubt
-- and cools (quota, auth) stand there only where they say something, with 0 in front of the next.
-- Words are percent-encoded outside [A-Za-z0-9._:@/-], the empty word is "-".
--
-- Clock: Redis' TIME plus `off`, which grows when TIME steps back, so time here never goes
-- back and never stands still.  It shrinks when TIME leaps ahead: routers sync every few seconds,
-- so no more than LEAP_MS pass between two scripts while one lives, and what is beyond that did not
-- pass.  Read once per script.
--
-- Any key may be gone or be no more what it was: Redis evicted it, somebody deleted it or wrote
-- over it.  One of another type counts as gone.  What is gone of meta, keys or r:<key> begins a new
-- life of the data, so that routers say again what they know; all the rest grows again by itself.
local OPEN_MAX, LIM_MAX, LEASE_MAX = 86400000, 86400000, 600000
local FORCED_MAX, COUNT_MAX, NUMBER_MAX = 31622400000, 1000000, 9007199254740991
local RAMP_MAX, OPINION_MS, OPINIONS_NEEDED, REP_MS = 3600000, 10000, 8, 3600000
local TIME_MAX, WEIGHT_MAX, MEASURE_MS = 86400000000, 100, 600000
local LEAP_MS = 10000
local CLOCK_MAX = NUMBER_MAX - 2 * FORCED_MAX -- any deadline is still a number
local WORD_MAX, LINE_MAX, KEYS_MAX, LOST_MS, SILENT_KEY_MS = 120, 512, 4096, 10000, 86400000
local STATES = {['closed'] = true, ['open'] = true, ['half-open'] = true}
local WORDS = {['auto'] = true, ['up'] = true, ['down'] = true, ['drain'] = true}
local base = string.sub(KEYS[1], 1, -5)
local channel = KEYS[2] or base .. 'push'
local floor = math.floor
local gen, ver, now, wall, off
local may_write = true -- a script that may not says so before it begins

-- A key of another type than the fleet's is as good as none: it goes, and the call is as it would
-- have been without it.
local raw = redis
local redis = {sha1hex = raw.sha1hex, pcall = raw.pcall}

function redis.call(...)
    local reply = raw.pcall(...)
    if type(reply) ~= 'table' or not reply.err then
        return reply
    elseif not string.find(reply.err, '^WRONGTYPE') then
        error(reply)
    end
    local words = {...}
    if may_write then
        raw.call('DEL', words[2])
    else
        words[2] = base .. 'nothing'
    end
    return raw.call(unpack(words))
end

local function bad(what)
    error({err = 'BADARG ' .. what})
end

-- A whole number 0..max, or nil.
local function whole(s, max)
    if type(s) ~= 'string' or not string.find(s, '^%d+$') or #s > 16 then
        return nil
    end
    local n = tonumber(s)
    return n <= (max or NUMBER_MAX) and n or nil
end

local function arg_number(i, min, max, name)
    local n = whole(ARGV[i], max)
    if not n or n < min then
        bad(name .. ' is out of its range')
    end
    return n
end

local function arg_word(i, name, max)
    local s = ARGV[i]
    if not s or s == '' or #s > (max or WORD_MAX) then
        bad(name .. ' is missing or too long')
    end
    return s
end

local function text(n)
    return string.format('%.0f', n)
end

-- Encodes up to room bytes; never cuts a character of UTF-8 in half.
local function encode(s, room)
    if s == '' then
        return '-'
    elseif s == '-' then
        return '%2D'
    elseif #s <= room and not string.find(s, '[^A-Za-z0-9._:@/-]') then
        return s -- as most are: byte by byte took a quarter of a trip's time
    end
    local out, used = {}, 0
    for c in string.gmatch(s, '[%z\1-\127\192-\255]?[\128-\191]*') do
        if #c > 4 then -- not UTF-8
            c = string.rep('?', 4)
        end
        c = string.gsub(c, '[%z\1-\31\127]', ' ')
        c = string.gsub(c, '[^A-Za-z0-9._:@/-]', function(b)
            return string.format('%%%02X', string.byte(b))
        end)
        used = used + #c
        if used > room then
            break
        end
        out[#out + 1] = c
    end
    local word = table.concat(out)
    return word == '' and '-' or word == '-' and '%2D' or word
end

local function line(r)
    local till, ftill, lim = 0, 0, r.lim > now and r.lim or 0
    local why, by, tail = r.why, r.by, string.format(' %.0f', lim)
    if r.st == 'open' then
        till = math.max(r['until'], now)
    end
    if r.forced ~= 'auto' then
        why, by = r.fwhy, r.fwho
        ftill = r.funtil > 0 and math.max(r.funtil, now) or 0
    end
    local head = string.format('1 %s %.0f %.0f %s %s %.0f %.0f %.0f %s %.0f ', gen, r.v, now,
        encode(r.key, LINE_MAX), r.st, r.ep, till, r.n, r.forced, ftill)
    local doubt = r.st == 'open' and r.doubt > now
    local ramp = r.st == 'closed' and r.ramp <= now and now - r.ramp <= RAMP_MAX and r.ramp or 0
    local cools = lim > 0 and (r.limwhy == 'quota' or r.limwhy == 'auth') and ' ' .. r.limwhy or ''
    if doubt or ramp > 0 or cools ~= '' then
        tail = tail .. string.format(' %.0f', ramp) .. (doubt and ' 1' or cools ~= '' and ' 0' or '')
    end
    local room = LINE_MAX - #head - #tail - #cools - 1
    by = encode(by, math.min(WORD_MAX, room - 3))
    why = encode(why, math.min(3 * WORD_MAX, room - #by))
    return head .. why .. ' ' .. by .. tail .. cools
end

-- The fleet's time as its routers' heartbeats have it; where meta is lost, it goes on from there.
local function newest_heartbeat()
    local newest = redis.call('ZRANGE', base .. 'routers', -1, -1, 'WITHSCORES')
    return newest[2] and whole(newest[2], wall + FORCED_MAX) or 0
end

-- Reads meta and the clock.  False when want is another generation; want nil or '-' is any.
local function begin(want)
    local m = redis.call('HMGET', KEYS[1], 'gen', 'ver', 'last', 'off')
    local time = redis.call('TIME')
    wall = tonumber(time[1]) * 1000 + floor(tonumber(time[2]) / 1000)
    gen, ver, off = m[1] or nil, whole(m[2]), whole(m[4], CLOCK_MAX - wall) or 0
    if m[4] and string.find(m[4], '^-') then
        off = -(whole(string.sub(m[4], 2), wall) or 0)
    end
    if not ver or not gen or #gen > 40 or not string.find(gen, '^[%w._:-]+$') then
        gen, ver = nil, 0
    end
    now = wall + off
    local last = whole(m[3], CLOCK_MAX) or newest_heartbeat()
    local leaps = last > 0 and now > last + LEAP_MS and newest_heartbeat() > last - LOST_MS
    if last > now or leaps then
        now, off = last, last - wall
    end
    return gen ~= nil and (want == nil or want == '-' or want == gen)
end

-- Each command that a script may come to once it has written something -> words behind the key.
local RIGHTS = {HSET = 2, HGET = 1, HMGET = 1, HGETALL = 0, HEXISTS = 1, HDEL = 1, ZADD = 2, ZREM = 1,
    ZCARD = 0, ZSCORE = 1, ZRANGE = 2, ZCOUNT = 2, ZRANGEBYSCORE = 2, ZREVRANGEBYSCORE = 2,
    ZREMRANGEBYSCORE = 2, ZREMRANGEBYRANK = 2, DEL = 0, PEXPIRE = 1, XADD = 3, PUBLISH = 1}

-- A user who may not do all of it does nothing: what is refused half-way would stay half done.
local function check_rights()
    local may = raw.acl_check_cmd
    for command, words in pairs(may and RIGHTS or {}) do
        local on = command == 'PUBLISH' and channel or KEYS[1]
        if not may(command, on, 'x', 'x', 'x') and not (words == 0 and may(command, on)) then
            raw.pcall(command, on, unpack({'x', 'x', 'x'}, 1, words)) -- for Redis' own log of this
            error({err = "NOPERM The user executing the script can't run this command: " .. command})
        end
    end
end

-- Remembers the clock; every writing script calls it once, before it writes anything.
local function touch()
    check_rights()
    redis.call('HSET', KEYS[1], 'last', text(now), 'off', text(off))
end

-- What the fields say that others may see: a part that is lost, or is another one, shows.
local SEEN = {1, 2, 3, 8, 9, 10, 11, 13, 14, 15, 16, 23, 24} -- as load() has them
local ALL = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}
local function digest(fields, of)
    local words = {}
    for i, at in ipairs(of) do
        words[i] = fields[at] or ''
    end
    return string.sub(redis.sha1hex(table.concat(words, '\n')), 1, 16)
end

-- nil: there is no such key, or it is damaged.
local function load(key)
    local h = redis.call('HMGET', base .. 'r:' .. key, 'st', 'ep', 'until', 'n', 'succ', 'hard',
        'clean', 'forced', 'funtil', 'fwhy', 'fwho', 'fid', 'lim', 'limwhy', 'why', 'by', 't', 'v',
        'bgen', 'fgen', 'asg', 'asv', 'ramp', 'doubt', 'dtok', 'mixed', 'tripped', 'sum')
    if not h[1] then
        return nil
    end
    -- Scripts that know no sum leave that of an older version: then nobody can tell.
    local sum_gen, sum_v, sum = string.match(h[28] or '', '^(%S+) (%S+) (%x+)$')
    local summed = sum ~= nil and sum_v == h[18]
    if summed and sum ~= digest(h, SEEN) then
        return nil
    end
    local v = whole(h[18]) or 0
    if gen and v > ver and (not summed or sum_gen == gen) then
        return nil
    end
    return {
        key = key, st = STATES[h[1]] and h[1] or 'closed', ep = math.max(1, whole(h[2]) or 1),
        ['until'] = math.min(whole(h[3]) or 0, now + OPEN_MAX), n = whole(h[4], COUNT_MAX) or 0,
        succ = whole(h[5]) or 0, hard = whole(h[6]) or 0, clean = whole(h[7]) or 0,
        forced = WORDS[h[8]] and h[8] or 'auto', funtil = math.min(whole(h[9]) or 0, now + FORCED_MAX),
        fwhy = h[10] or '', fwho = h[11] or '', fid = h[12] or '',
        lim = math.min(whole(h[13]) or 0, now + LIM_MAX),
        limwhy = h[14] or '', why = h[15] or '', by = h[16] or '', t = whole(h[17]) or 0,
        v = v, bgen = h[19] or '', fgen = h[20] or '', asg = h[21] or '',
        asv = whole(h[22]) or 0, ramp = whole(h[23]) or 0, doubt = whole(h[24]) or 0, dtok = h[25] or '',
        mixed = h[26] or '', tripped = whole(h[27]) or 0, of = summed and sum_gen or nil,
    }
end

local function save(r)
    local sum = digest({r.st, text(r.ep), text(r['until']), r.forced, text(r.funtil), r.fwhy, r.fwho,
        text(r.lim), r.limwhy, r.why, r.by, text(r.ramp), text(r.doubt)}, ALL)
    redis.call('HSET', base .. 'r:' .. r.key, 'sum', gen .. ' ' .. text(r.v) .. ' ' .. sum)
    redis.call('HSET', base .. 'r:' .. r.key, 'st', r.st, 'ep', text(r.ep),
        'until', text(r['until']), 'n', text(r.n), 'succ', text(r.succ), 'hard', text(r.hard),
        'clean', text(r.clean), 'forced', r.forced, 'funtil', text(r.funtil), 'fwhy', r.fwhy,
        'fwho', r.fwho, 'fid', r.fid, 'lim', text(r.lim), 'limwhy', r.limwhy, 'why', r.why,
        'by', r.by, 't', text(r.t), 'v', text(r.v), 'bgen', r.bgen, 'fgen', r.fgen,
        'ramp', text(r.ramp), 'doubt', text(r.doubt), 'dtok', r.dtok, 'tripped', text(r.tripped))
end

-- As it is before anything was heard of it.
local function save_new(key)
    redis.call('DEL', base .. 'r:' .. key)
    save({key = key, st = 'closed', ep = 1, ['until'] = 0, n = 0, succ = 0, hard = 0, clean = now,
        forced = 'auto', funtil = 0, fwhy = '', fwho = '', fid = '', lim = 0, limwhy = '', why = '',
        by = '', t = now, v = 0, bgen = '', fgen = '', ramp = 0, doubt = 0, dtok = '',
        tripped = 0})
end

local function plain(s)
    return s ~= '' and s or '-'
end

local function event(kind, key, from, to, ep, why, by)
    redis.call('XADD', base .. 'log', 'MAXLEN', '~', '10000', '*', 't', text(now), 'kind', kind,
        'key', plain(key), 'from', plain(from), 'to', plain(to), 'ep', text(ep),
        'ver', text(ver), 'why', plain(why), 'by', plain(by))
end

-- The one place where a key changes for others to see: one version, one message, one event.
local function publish(r, kind, from, to, why, by)
    ver = ver + 1
    r.v, r.t = ver, now
    redis.call('HSET', KEYS[1], 'ver', text(ver))
    save(r)
    local l = line(r)
    redis.call('PUBLISH', channel, l)
    event(kind, r.key, from, to, r.ep, why, by)
    return l
end

-- A transition of the breaker: a new epoch, so nothing of the old one counts any more.  Who
-- opens says whether in doubt, who closes whether with a ramp.
local function move(r, kind, to, why, by)
    local from = r.st
    r.st, r.ep, r.succ, r.why, r.by = to, r.ep + 1, 0, why, by
    if kind ~= 'attach' and kind ~= 'reassert' then
        r.bgen = gen
    end
    if to ~= 'open' then
        r['until'] = 0
    end
    if to ~= 'closed' then
        r.ramp = 0
    else
        r.doubt = 0
    end
    r.dtok = ''
    redis.call('DEL', base .. 'p:' .. r.key)
    if to ~= 'half-open' then
        r.hard = 0
        redis.call('DEL', base .. 'w:' .. r.key, base .. 'row:' .. r.key)
    end
    return publish(r, kind, from, to, why, by)
end

-- d(n): min(recovery * 2^(n-1), max), half of it fixed and half scaled by jitter 0..65535.
local function open_ms(n, recovery, max, jitter)
    local d = recovery
    for _ = 2, n do
        if d >= max then
            break
        end
        d = d * 2
    end
    d = math.min(d, max, OPEN_MAX)
    local half = floor(d / 2)
    return half + floor((d - half) * jitter / 65535)
end

-- Changes the operator's word.  The machine below keeps its state; a running half-open
-- starts over, because leases of an older epoch can no longer count.
local function overlay(r, kind, word, funtil, why, by)
    local from = r.forced
    r.forced, r.funtil, r.ep, r.succ, r.dtok = word, funtil, r.ep + 1, 0, ''
    if kind == 'force' then
        r.fgen = gen
    end
    redis.call('DEL', base .. 'p:' .. r.key)
    if word ~= 'auto' and funtil > 0 then
        redis.call('ZADD', base .. 'forced', text(funtil), r.key)
    else
        redis.call('ZREM', base .. 'forced', r.key)
    end
    if word == 'auto' then
        r.fwhy, r.fwho, r.why, r.by = '', '', why, by
    else
        r.fwhy, r.fwho = why, by
    end
    return publish(r, kind, from, word, why, by)
end

local function expire_forced(r)
    if r.forced ~= 'auto' and r.funtil > 0 and r.funtil <= now then
        overlay(r, 'expire', 'auto', 0, 'forced_state_ran_out', 'fleet')
    end
end

-- Loads a key for a script that may change it; a forced state that ran out is gone first.
local function take(key)
    local r = load(key)
    if r then
        expire_forced(r)
    end
    return r
end

local function lives(id)
    return (tonumber(redis.call('ZSCORE', base .. 'routers', id)) or 0) > now - LOST_MS
end

-- Has a router that lives, and that is not one of those, used the key in the last 10 s?
local function others_can(key, is_of_those)
    local recent = redis.call('ZREVRANGEBYSCORE', base .. 'ok:' .. key, '+inf',
        '(' .. text(now - OPINION_MS))
    for _, id in ipairs(recent) do
        if not is_of_those(id) and lives(id) then
            return true
        end
    end
    return false
end

-- How many routers have to have seen a key fail, before nobody else need try it.
local function opinions_needed(confirm)
    if confirm == 'none' then
        return 1
    elseif confirm == 'second_opinion' then
        return OPINIONS_NEEDED
    end
    return whole(string.match(confirm, '^quorum:(%d+)$'), 1000)
        or bad('the confirmation is none of none, second_opinion, quorum:N')
end

-- These routers have seen the key fail; add: beside those who have before.
local function blame(key, ids, add)
    local rep = base .. 'rep:' .. key
    if not add then
        redis.call('DEL', rep)
    end
    for _, id in ipairs(ids) do
        redis.call('ZADD', rep, text(now), id)
    end
    redis.call('PEXPIRE', rep, text(REP_MS))
end

-- Is there a router that lives and has not seen the key fail, and have too few of the others?
-- tripped: when that was; then only who had used the key in the 10 s before has a say.  0: the key
-- has been out for long, so everybody has.
local function is_doubtful(key, need, tripped)
    local rep = base .. 'rep:' .. key
    local n, others = redis.call('ZCARD', rep), nil
    if n == 0 or n >= need then
        return false
    elseif tripped > 0 then
        others = redis.call('ZRANGEBYSCORE', base .. 'ok:' .. key, '(' .. text(tripped - OPINION_MS),
            '+inf')
    else
        others = redis.call('ZRANGEBYSCORE', base .. 'routers', '(' .. text(now - LOST_MS), '+inf',
            'LIMIT', 0, n + 1)
    end
    for _, id in ipairs(others) do
        if not redis.call('ZSCORE', rep, id) and lives(id) then
            return true
        end
    end
    return false
end

local function expire_all()
    local due = redis.call('ZRANGEBYSCORE', base .. 'forced', '-inf', text(now), 'LIMIT', 0, 100)
    for _, key in ipairs(due) do
        local r = load(key)
        if r then
            expire_forced(r)
        end
        redis.call('ZREM', base .. 'forced', key)
    end
end
