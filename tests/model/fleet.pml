/* fleet.pml - a model of how routers share one breaker through Redis.
 *
 * One key, R routers, one Redis with a replica.  Every step is atomic, because a Lua script is;
 * everything between two steps may be interleaved, delayed or lost.  What it mirrors:
 *
 *   attach                  lib/shared/lua/attach.lua         move            common.lua move()
 *   new_generation          common.lua live_anew()           reassert        reassert.lua
 *   report                  lib/shared/lua/report.lua         publish         common.lua publish()
 *   probe, finish           lib/shared/lua/probe.lua done.lua force           lib/shared/lua/force.lua
 *   push, snapshot          lib/shared/view.c view_push() view_snapshot()
 *
 * INVARIANTS, by the names their assertions carry here
 *   monotone    within a generation a view's version, its key's version and epoch never fall
 *   current     an outcome whose (generation, epoch) is not current changes nothing
 *   leases      never more than MAX live leases; no probe is sent without one having been given
 *   closing     closed is entered only from half-open, by a live lease's success in that epoch
 *   one         each change raises ep and ver by one and publishes one message
 *   obeyed      nobody who has applied "down" sends there
 *   word        an operator's word that a live router has ever applied is in force in the end
 *   neutral     an abandoned probe counts nothing and frees its slot
 *   heals       in the end the breaker is closed
 *   converged   in the end every live router sees what Redis holds
 *
 * "In the end": every fault has a budget, and a step that would change nothing is not offered, so
 * all histories are finite (run.sh proves it for the rows that say "ends").  When nothing is left
 * to do, judge speaks.
 *
 * TIME is nowhere: an open time may be over at once, a lease may end under its holder, news may
 * take for ever.  One assumption stands for it: a live router joins a new generation while
 * re-assertion is still allowed.  Without limits of time the rules are only harder to keep.
 *
 * NOT HERE: windows and rates, cooling, doubted trips, ramps, the end of an operator's word.
 * tests/sim runs the real code with all of them.
 *
 * ONE trouble of the data per history: words of three lives have no order, and the stricter one
 * wins.  tests/sim plays those too.
 *
 * MUTANTS  NO_EPOCH NO_EXPIRY NO_POLL NO_GEN NO_REASSERT leave one rule out; with RUN_ID a server is
 * known by its run id alone, which a master that came back keeps; with LATE_FORCE a
 * word spoken to a new server stays in the old generation; with NO_OBEY routers forget to look at
 * the operator's word before they send.  Each must fail. */
#ifndef R
#define R 2 /* routers */
#endif
#ifndef MAX
#define MAX 1 /* half_open_max_calls; 1 or 2 */
#endif
#ifndef SUCCESSES
#define SUCCESSES 1 /* success_threshold */
#endif
#ifndef ATTEMPTS
#define ATTEMPTS 2
#endif
#ifndef FAILS
#define FAILS 2 /* attempts and probes that fail */
#endif
#ifndef LOSSES
#define LOSSES 1 /* pushes and answers lost, leases that end early, probes abandoned */
#endif
#ifndef DEATHS
#define DEATHS 0
#endif
#ifndef RESTARTS
#define RESTARTS 0 /* Redis starts again with its data */
#endif
#ifndef FLUSHES
#define FLUSHES 0 /* Redis is emptied */
#endif
#ifndef FAILOVERS
#define FAILOVERS 0 /* the replica takes over; the last writes are lost */
#endif
#ifndef DEMOTIONS
#define DEMOTIONS 0 /* the master takes over the replica's data, and is the master again */
#endif
#ifndef OPS
#define OPS 0 /* an operator's words */
#endif
#ifndef THRESHOLD
#define THRESHOLD 1 /* failures in a row */
#endif

#define CLOSED 0
#define OPEN   1
#define HALF   2
#define AUTO 0
#define DOWN 1

#ifdef NO_GEN
#define SAME(a, b) true
#else
#define SAME(a, b) ((a) == (b))
#endif
#ifdef NO_OBEY
#define MAY_SEND true
#else
#define MAY_SEND (ME.view.forced != DOWN)
#endif
#ifdef NO_EPOCH
#define CURRENT(a, b) true
#else
#define CURRENT(a, b) ((a) == (b))
#endif

/* ---- Redis ---- */

typedef Data {
    byte gen;        /* 0: no data */
    byte server;     /* meta.run: the server that made this generation */
    byte ver, v;     /* of the fleet; of the key's last change */
    byte st, ep, row, succ;
    byte forced, op; /* op is no data: which of the operator's words this is */
    byte tok[2];     /* leases; 0 is free */
    byte was_gen, was_v; /* what the data or an assertion knew of the generation before */
    bool young;          /* re-assertion is allowed */
    bool spoken, moved;  /* in this generation: by the operator; by the machine */
};
Data D, replica, nothing;
byte server = 1; /* the run id of the one that answers, and of the history of its data */
byte gens = 0, ops = 0, word = AUTO; /* generations made; words spoken, the last of them */
byte attempts = ATTEMPTS, fails = FAILS, losses = LOSSES, deaths = DEATHS;
byte restarts = RESTARTS, flushes = FLUSHES, failovers = FAILOVERS, demotions = DEMOTIONS;

/* ---- routers ---- */

typedef Line { byte gen, ver, v, st, ep, forced, op };
typedef Router {
    bool alive, attached, polling; /* polling: a snapshot is on its way */
    Line view, snap, old;          /* old: to be asserted; gen 0 is none */
    byte knows;                    /* the latest of the operator's words it ever applied */
    byte at_gen, at_ep;            /* an attempt on its way; gen 0 is none */
    byte p_ep, p_tok;              /* a probe's lease; tok 0 is none */
    bool p_sent, flip;
};
Router r[R];
/* gen ver st ep forced op.  A full queue loses, as any push may be lost. */
chan push0 = [1] of { byte, byte, byte, byte, byte, byte };
chan push1 = [1] of { byte, byte, byte, byte, byte, byte };
#if R > 2
chan push2 = [1] of { byte, byte, byte, byte, byte, byte };
#endif

hidden byte was_ep, was_ver, n_published;

#define LEASES (((D.tok[0] != 0) -> 1 : 0) + ((D.tok[1] != 0) -> 1 : 0))
#define IS_HELD(t) (((t) != 0) && (D.tok[0] == (t) || D.tok[1] == (t)))
#define HOLDER(t) (((t) - 1) % R)
/* A lease nobody remembers: its router died, or never heard of it. */
#define IS_ORPHAN(t) ((t) != 0 && r[HOLDER(t)].p_tok != (t))

#define COPY(a, b) \
    a.gen = b.gen; a.server = b.server; a.ver = b.ver; a.v = b.v; a.st = b.st; a.ep = b.ep; \
    a.row = b.row; a.succ = b.succ; a.forced = b.forced; a.op = b.op; \
    a.tok[0] = b.tok[0]; a.tok[1] = b.tok[1]; a.was_gen = b.was_gen; a.was_v = b.was_v; \
    a.young = b.young; a.spoken = b.spoken; a.moved = b.moved

inline send_to(i, queue)
{
    if
    :: r[i].alive && nfull(queue) -> queue!D.gen, D.ver, D.st, D.ep, D.forced, D.op
    :: r[i].alive && losses > 0 -> losses--
    :: !r[i].alive || full(queue) /* lost */
    fi
}

inline publish()
{
    D.ver++;
    D.v = D.ver;
    n_published++;
    send_to(0, push0);
    send_to(1, push1)
#if R > 2
    ; send_to(2, push2)
#endif
}

inline start()
{
    was_ep = D.ep; was_ver = D.ver; n_published = 0
}

inline check_one()
{
    assert(D.ep - was_ep == n_published && D.ver - was_ver == n_published); /* one */
    was_ep = 0; was_ver = 0; n_published = 0
}

inline move(to)
{
    D.st = to; D.ep++; D.succ = 0; D.tok[0] = 0; D.tok[1] = 0;
    printf("  moves to %d, epoch %d\n", to, D.ep);
    if
    :: to != HALF -> D.row = 0
    :: else
    fi;
    publish()
}

inline new_generation()
{
    D.was_gen = D.gen; D.was_v = D.v; D.spoken = false; D.moved = false; D.young = true;
    gens++; D.gen = gens;
    printf("  generation %d after %d\n", gens, D.was_gen);
    D.server = server; D.tok[0] = 0; D.tok[1] = 0;
#ifndef NO_GEN
    D.ver = 0; D.v = 0;
#endif
    start();
    if
    :: D.st == HALF -> move(OPEN)
    :: else
    fi;
    check_one()
}

inline report(gen_, ep_, failed)
{
    printf("report of gen %d ep %d: failed %d\n", gen_, ep_, failed);
    if
    :: SAME(gen_, D.gen) && CURRENT(ep_, D.ep) && D.st == CLOSED ->
        if
        :: !failed && D.row != 0 ->
            assert(gen_ == D.gen && ep_ == D.ep); /* current */
            D.row = 0
        :: failed ->
            assert(gen_ == D.gen && ep_ == D.ep); /* current */
            D.row++
        :: else
        fi;
        start();
        if
        :: D.row >= THRESHOLD -> D.moved = D.young; move(OPEN)
        :: else
        fi;
        check_one()
    :: else /* GEN, STALE */
    fi
}

/* ---- what a router does with news ---- */

inline look(me)
{
    if
    :: r[me].view.op > r[me].knows -> r[me].knows = r[me].view.op
    :: else
    fi
}

inline set_view(me, v_, st_, ep_, forced_, op_)
{
    r[me].view.v = v_; r[me].view.st = st_; r[me].view.ep = ep_;
    r[me].view.forced = forced_; r[me].view.op = op_;
    look(me)
}

inline take_push(me, queue)
{
    queue?g, n, s, e, f, o;
    printf("router %d hears gen %d ver %d st %d ep %d forced %d\n", me, g, n, s, e, f);
    if
    :: !SAME(g, r[me].view.gen) -> r[me].attached = false /* attach again */
    :: else ->
        if
        :: n == r[me].view.ver + 1 -> r[me].view.ver++
        :: else
        fi;
        if
        :: n > r[me].view.v ->
            assert(g != r[me].view.gen || e >= r[me].view.ep); /* monotone */
            set_view(me, n, s, e, f, o)
        :: else
        fi
    fi;
    g = 0; n = 0; s = 0; e = 0; f = 0; o = 0
}

inline take_snapshot(me)
{
    printf("router %d reads gen %d ver %d st %d ep %d forced %d\n", me, r[me].snap.gen,
        r[me].snap.ver, r[me].snap.st, r[me].snap.ep, r[me].snap.forced);
    if
    :: SAME(r[me].snap.gen, r[me].view.gen) && r[me].view.v <= r[me].snap.ver ->
        assert(r[me].snap.gen != r[me].view.gen ||
               (r[me].snap.ep >= r[me].view.ep && r[me].snap.v >= r[me].view.v)); /* monotone */
        set_view(me, r[me].snap.v, r[me].snap.st, r[me].snap.ep, r[me].snap.forced,
                 r[me].snap.op)
    :: else
    fi;
    if
    :: SAME(r[me].snap.gen, r[me].view.gen) && r[me].snap.ver > r[me].view.ver ->
        r[me].view.ver = r[me].snap.ver
    :: else
    fi;
    forget_snapshot(me)
}

inline forget_snapshot(me)
{
    r[me].polling = false;
    r[me].snap.gen = 0; r[me].snap.ver = 0; r[me].snap.v = 0; r[me].snap.st = 0;
    r[me].snap.ep = 0; r[me].snap.forced = 0; r[me].snap.op = 0
}

inline snapshot(me)
{
    r[me].snap.gen = D.gen; r[me].snap.ver = D.ver; r[me].snap.v = D.v; r[me].snap.st = D.st;
    r[me].snap.ep = D.ep; r[me].snap.forced = D.forced; r[me].snap.op = D.op
}

inline forget_old(me)
{
    r[me].old.gen = 0; r[me].old.v = 0; r[me].old.st = 0; r[me].old.ep = 0;
    r[me].old.forced = 0; r[me].old.op = 0
}

#define HAS_JOINED(i) (!r[i].alive || (r[i].view.gen == D.gen && r[i].old.gen == 0))
#if R > 2
#define ALL_JOINED (HAS_JOINED(0) && HAS_JOINED(1) && HAS_JOINED(2))
#else
#define ALL_JOINED (HAS_JOINED(0) && HAS_JOINED(1))
#endif
inline grow_up()
{
    if
    :: ALL_JOINED -> D.young = false; D.was_gen = 0; D.was_v = 0; D.spoken = 0; D.moved = 0
    :: else
    fi
}

inline attach(me)
{
    printf("router %d attaches\n", me);
    if
    :: D.gen == 0 || D.server != server -> new_generation()
    :: else
    fi;
    if
    :: r[me].view.gen != D.gen ->
#ifndef NO_REASSERT
        if
        :: r[me].view.gen != 0 ->
            r[me].old.gen = r[me].view.gen; r[me].old.v = r[me].view.v;
            r[me].old.st = r[me].view.st; r[me].old.ep = r[me].view.ep;
            r[me].old.forced = r[me].view.forced; r[me].old.op = r[me].view.op
        :: else
        fi;
#endif
#ifndef NO_GEN
        r[me].view.ver = 0; r[me].view.v = 0; r[me].view.ep = 0;
#endif
        r[me].view.gen = D.gen
    :: else
    fi;
    forget_snapshot(me);
    snapshot(me);
    take_snapshot(me);
    r[me].attached = true;
    grow_up()
}

/* The old generation's news for the new one.  Where the data came from that generation, or
 * another router told of it, the newer wins; where nothing is known of it, the stricter.  What
 * was said or found out in the new generation is newer than both. */
#define IS_NEWER(l) (D.was_gen == 0 || (D.was_gen == l.gen && l.v > D.was_v))
#define IS_STRICTER(l) (D.was_gen != 0 && D.was_gen != l.gen)
inline reassert(me)
{
    bool takes_word = false, takes_state = false;

    printf("router %d re-asserts gen %d ver %d st %d forced %d\n", me, r[me].old.gen,
        r[me].old.v, r[me].old.st, r[me].old.forced);
    if
    :: !D.spoken && (IS_NEWER(r[me].old) || (IS_STRICTER(r[me].old) &&
        r[me].old.forced > D.forced)) -> takes_word = true
    :: else
    fi;
    if
    :: !D.moved && (IS_NEWER(r[me].old) || (IS_STRICTER(r[me].old) &&
        r[me].old.st != CLOSED && D.st == CLOSED)) -> takes_state = true
    :: else
    fi;
    if
    :: IS_NEWER(r[me].old) -> D.was_gen = r[me].old.gen; D.was_v = r[me].old.v
    :: else
    fi;
    start();
    if
    :: takes_word -> D.forced = r[me].old.forced; D.op = r[me].old.op
    :: else
    fi;
    if
    :: takes_state -> move((r[me].old.st == CLOSED -> CLOSED : OPEN)) /* half-open starts over */
    :: !takes_state && takes_word -> move(D.st)
    :: else
    fi;
    check_one();
    forget_old(me);
    grow_up();
    takes_word = false; takes_state = false
}

/* ---- probes ---- */

#define FREE_SLOT (LEASES < MAX)
#define MAY_PROBE (D.forced != DOWN && (D.st == OPEN || (D.st == HALF && FREE_SLOT)))

inline probe(me)
{
    printf("router %d asks for a probe\n", me);
    if
    :: !SAME(r[me].view.gen, D.gen) -> r[me].attached = false
    :: else ->
        start();
        if
        :: D.st == OPEN -> D.moved = D.young; move(HALF)
        :: else
        fi;
        check_one();
        r[me].flip = !r[me].flip;
        if
        :: D.tok[0] == 0 -> D.tok[0] = 1 + me + (r[me].flip -> R : 0)
        :: else -> D.tok[1] = 1 + me + (r[me].flip -> R : 0)
        fi;
        assert(LEASES <= MAX); /* leases */
        if
        :: r[me].p_tok = 1 + me + (r[me].flip -> R : 0); r[me].p_ep = D.ep
        :: losses > 0 -> losses-- /* the answer is lost: an orphan */
        fi
    fi
}

inline forget_probe(me)
{
    r[me].p_tok = 0; r[me].p_ep = 0; r[me].p_sent = false
}

inline release(lease)
{
    if
    :: D.tok[0] == lease -> D.tok[0] = 0
    :: D.tok[1] == lease -> D.tok[1] = 0
    fi
}

#define OK 0
#define FAIL 1
#define ABANDON 2
inline finish(me, verdict)
{
    printf("router %d ends a probe: %d\n", me, verdict);
    if
    :: SAME(r[me].view.gen, D.gen) && CURRENT(r[me].p_ep, D.ep) && D.st == HALF &&
       IS_HELD(r[me].p_tok) ->
        assert(r[me].p_ep == D.ep); /* current */
        release(r[me].p_tok);
        start();
        if
        :: verdict == OK && D.succ + 1 < SUCCESSES -> D.succ++
        :: verdict == OK && D.succ + 1 >= SUCCESSES ->
            assert(D.st == HALF && r[me].p_sent); /* closing */
            move(CLOSED)
        :: verdict == FAIL -> move(OPEN)
        :: verdict == ABANDON -> assert(LEASES < MAX) /* neutral */
        fi;
        check_one()
    :: else /* GEN, STALE, EXPIRED */
    fi;
    forget_probe(me)
}

/* ---- the actors ---- */

#define ME r[me]
#define IS_STALE (D.server != server || ME.view.gen != D.gen || ME.view.ver != D.ver || ME.view.v != D.v)

inline die(me)
{
    printf("router %d dies\n", me);
    ME.alive = false; ME.attached = false;
    forget_snapshot(me);
    forget_old(me);
    forget_probe(me);
    ME.view.gen = 0; ME.view.ver = 0; ME.view.v = 0; ME.view.st = 0; ME.view.ep = 0;
    ME.view.forced = 0; ME.view.op = 0; ME.knows = 0; ME.at_gen = 0; ME.at_ep = 0; ME.flip = 0
}

proctype router(byte me; chan queue)
{
    byte g, n, s, e, f, o;

end:do
    :: atomic { ME.alive && !ME.attached -> attach(me) }
    :: atomic { ME.alive && nempty(queue) -> take_push(me, queue) }
#ifndef NO_POLL
    :: atomic { ME.attached && !ME.polling && IS_STALE ->
        if
        :: SAME(ME.view.gen, D.gen) && D.gen != 0 && D.server == server ->
            snapshot(me); ME.polling = true
#ifndef SLOW_POLL
            ; take_snapshot(me)
#endif
        :: else -> ME.attached = false
        fi }
#endif
    :: atomic { ME.attached && ME.polling -> take_snapshot(me) }
    :: atomic { ME.attached && ME.old.gen != 0 ->
        if
        :: ME.view.gen == D.gen -> reassert(me)
        :: else -> ME.attached = false
        fi }

    :: atomic { ME.alive && attempts > 0 && ME.at_gen == 0 && ME.view.gen != 0 &&
        ME.view.st == CLOSED && MAY_SEND ->
        assert(ME.view.forced != DOWN); /* obeyed */
        attempts--; ME.at_gen = ME.view.gen; ME.at_ep = ME.view.ep }
    :: atomic { ME.at_gen != 0 -> /* ends, and is reported, or the report is lost */
        if
        :: ME.attached -> report(ME.at_gen, ME.at_ep, false)
        :: ME.attached && fails > 0 -> fails--; report(ME.at_gen, ME.at_ep, true)
        :: true
        fi;
        ME.at_gen = 0; ME.at_ep = 0 }

    :: atomic { ME.attached && ME.p_tok == 0 && ME.view.st != CLOSED &&
        ME.view.forced != DOWN && D.gen != 0 && (!SAME(ME.view.gen, D.gen) || MAY_PROBE) ->
        probe(me) }
    :: atomic { ME.p_tok != 0 && !ME.p_sent && MAY_SEND ->
        assert(ME.view.forced != DOWN); /* obeyed */
        ME.p_sent = true }
    :: atomic { ME.attached && ME.p_tok != 0 && !ME.p_sent && ME.view.forced == DOWN ->
        finish(me, ABANDON) }
    :: atomic { ME.attached && ME.p_sent ->
        if
        :: finish(me, OK)
        :: fails > 0 -> fails--; finish(me, FAIL)
        :: losses > 0 -> losses--; finish(me, ABANDON)
        :: losses > 0 -> losses--; forget_probe(me) /* never arrives */
        fi }

    :: atomic { ME.alive && deaths > 0 -> deaths--; die(me) }
    od
}

inline cut(i)
{
    r[i].attached = false; forget_snapshot(i)
}

inline cut_all()
{
    cut(0); cut(1)
#if R > 2
    ; cut(2)
#endif
}

inline other_server()
{
    server++;
    cut_all()
}

active proctype trouble()
{
end:do
    :: atomic { restarts > 0 -> restarts--; printf("redis restarts\n"); other_server() }
    :: atomic { flushes > 0 -> flushes--; printf("redis is emptied\n");
        D.gen = 0; D.server = 0; D.ver = 0; D.v = 0; D.st = CLOSED; D.ep = 1; D.row = 0; D.succ = 0;
        D.forced = AUTO; D.op = 0; D.tok[0] = 0; D.tok[1] = 0; D.was_gen = 0; D.was_v = 0;
        D.young = false; D.spoken = false; D.moved = false }
    /* What the replica will have received in the end: one moment, chosen beforehand. */
    :: atomic { failovers + demotions > 0 && replica.gen == 0 && D.gen != 0 ->
        COPY(replica, D); printf("replica gets no more than gen %d ver %d\n", D.gen, D.ver) }
    :: atomic { failovers > 0 && replica.gen != 0 ->
        failovers--; COPY(D, replica); COPY(replica, nothing);
        printf("failover to gen %d ver %d\n", D.gen, D.ver);
        other_server() }
    :: atomic { demotions > 0 && replica.gen != 0 ->
        demotions--; COPY(D, replica); COPY(replica, nothing);
        printf("the master is back, with gen %d ver %d\n", D.gen, D.ver);
#ifndef RUN_ID
        server++;
#endif
        if
        :: cut_all()
        :: true /* connections may survive it */
        fi }
#ifndef NO_EXPIRY
    :: atomic { D.tok[0] != 0 && (IS_ORPHAN(D.tok[0]) || losses > 0) ->
        if
        :: IS_ORPHAN(D.tok[0])
        :: else -> losses--
        fi;
        D.tok[0] = 0 }
    :: atomic { D.tok[1] != 0 && (IS_ORPHAN(D.tok[1]) || losses > 0) ->
        if
        :: IS_ORPHAN(D.tok[1])
        :: else -> losses--
        fi;
        D.tok[1] = 0 }
#endif
    od
}

inline force(to)
{
    printf("operator forces %d\n", to);
    ops++; word = to;
#ifndef LATE_FORCE
    if
    :: D.server != server -> new_generation()
    :: else
    fi;
#endif
    D.op = ops; D.spoken = D.young;
    start();
    if
    :: D.forced != AUTO || to != AUTO -> D.forced = to; move(D.st)
    :: else
    fi;
    check_one()
}

active proctype operator()
{

end:do
    :: atomic { ops < OPS && D.gen != 0 ->
        if
        :: force(DOWN)
        :: force(AUTO)
        fi }
    od
}

#define CONVERGED(i) (!r[i].alive || (r[i].attached && r[i].view.gen == D.gen && \
    r[i].view.ver == D.ver && r[i].view.v == D.v && r[i].view.st == D.st && \
    r[i].view.ep == D.ep && r[i].view.forced == D.forced))
#define KEPT(i) (!r[i].alive || r[i].knows < ops || D.forced == word)

active proctype judge()
{
    timeout ->
    atomic {
        assert(CONVERGED(0) && CONVERGED(1)); /* converged */
        assert(KEPT(0) && KEPT(1)); /* word */
#if R > 2
        assert(CONVERGED(2) && KEPT(2));
#endif
        assert(D.st == CLOSED || D.forced == DOWN || !(r[0].alive || r[1].alive)) /* heals */
    }
}

inline join(i)
{
    r[i].alive = true; r[i].attached = true; r[i].view.gen = 1; r[i].view.ep = 1
}

init
{
    atomic {
        D.gen = 1; D.server = 1; D.ep = 1; gens = 1;
        join(0);
        join(1);
        run router(0, push0);
        run router(1, push1)
#if R > 2
        ; join(2);
        run router(2, push2)
#endif
    }
}
