/* bench_divert.c - how long until a failure seen by one process diverts all of them.
 *
 * bench_divert REDIS_URL [PROCESSES [ROUNDS]]: that many processes attach to one fleet.  In
 * each round the first one reports a failure that trips (failure_threshold 1), and every one
 * stamps the moment its store has the open state; then the first one closes the breaker again
 * by a probe.  Before it, in the same round, the floor: the smallest script that publishes a
 * line of the same length, stamped by a bare subscription in the same processes.  Times are of
 * the last process.  Prints one JSON object, in microseconds. */
#include "base/clock.h"
#include "base/version.h"
#include "redis/link.h"
#include "fleet/shared_state.h"

#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES_MAX 200
#define ROUNDS_MAX    100000
#define PATIENCE_MS   5000
#define GAP_MS        15 /* between rounds: a failure of its own, not one of a batch */
#define LINE_BYTES    110
#define TOKEN_FIRST   1

enum step { STEP_BARE, STEP_OPEN, STEP_CLOSED, N_STEPS };

/* Written by one process each, read by the parent: round is stored after at_us. */
struct stamp {
    _Atomic int64_t at_us;
    _Atomic int round;
};

struct shared {
    _Atomic int round;
    struct stamp start[N_STEPS];
    struct stamp done[PROCESSES_MAX][N_STEPS];
    _Atomic bool attached[PROCESSES_MAX];
};

struct child {
    struct shared *shared;
    struct event_base *base;
    struct shared_state *store;
    struct redis_link *sub, *cmd;
    struct redis_owner *owner; /* of cmd */
    struct event *command, *again;
    int index, fd;
    uint64_t token;
};

static void set(struct stamp *s, int round)
{
    atomic_store(&s->at_us, clock_mono_us());
    atomic_store(&s->round, round);
}

static void done(struct child *c, enum step step)
{
    set(&c->shared->done[c->index][step], atomic_load(&c->shared->round));
}

/* ---- a process ---- */

static void on_push(void *arg, const struct redisReply *r)
{
    if (strcmp(r->element[0]->str, "message") == 0)
        done(arg, STEP_BARE);
}

static void on_sub_up(void *arg)
{
    struct child *c = arg;

    if (redis_link_subscribe(c->sub, "bench") < 0)
        abort();
}

static void on_up(void *arg)
{
    (void)arg;
}

static void on_down(void *arg, enum redis_error cause, const char *why)
{
    (void)arg, (void)cause;
    fprintf(stderr, "bench_divert: connection to Redis: %s\n", why);
}

static void on_bare(void *arg, const struct redisReply *r, const char *why)
{
    (void)arg;
    if (r == NULL || r->type == REDIS_REPLY_ERROR)
        fprintf(stderr, "bench_divert: publish: %s\n", r != NULL ? r->str : why);
}

static void on_slot(void *arg, size_t slot)
{
    struct child *c = arg;

    switch (shared_state_get(c->store, slot)->st) {
    case BREAKER_OPEN:
        done(c, STEP_OPEN);
        break;
    case BREAKER_CLOSED:
        done(c, STEP_CLOSED);
        break;
    default:
        break;
    }
}

static void on_mode(void *arg, bool attached, const char *why)
{
    struct child *c = arg;

    (void)why;
    atomic_store(&c->shared->attached[c->index], attached);
}

static void on_probe(void *arg, const struct breakers_probe_answer *a)
{
    struct child *c = arg;
    struct timeval tv = {0, a->wait_ms % 1000 * 1000 + 1000};

    if (a->grant == BREAKER_GRANTED)
        shared_state_done(c->store, a->slot, a->epoch, a->token, BREAKER_PROBE_OK);
    else if (a->grant != BREAKER_NOT_NEEDED)
        event_add(c->again, &tv);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    struct child *c = arg;

    (void)fd, (void)what;
    shared_state_probe(c->store, 0, c->token);
}

static void publish(struct child *c)
{
    static char line[LINE_BYTES + 1];
    const char *argv[] = {"EVAL", "return redis.call('PUBLISH', KEYS[1], ARGV[1])", "1",
                          "bench", line};

    memset(line, 'x', LINE_BYTES);
    if (redis_link_send(c->owner, (int)ARRAY_LEN(argv), argv, NULL, on_bare, NULL) < 0)
        fprintf(stderr, "bench_divert: publish was not sent\n");
}

static void on_command(evutil_socket_t fd, short what, void *arg)
{
    struct child *c = arg;
    char step;

    (void)what;
    if (read(fd, &step, 1) != 1)
        _exit(0);
    set(&c->shared->start[(int)step], atomic_load(&c->shared->round));
    if (step == STEP_BARE) {
        publish(c);
    } else if (step == STEP_OPEN) {
        shared_state_report(c->store, 0, shared_state_get(c->store, 0)->ep, BREAKERS_FAIL,
                            false);
    } else {
        c->token++;
        shared_state_probe(c->store, 0, c->token);
    }
}

static struct redis_link *open_link(struct child *c, const char *url, void (*up)(void *arg))
{
    struct redis_link_ops ops = {up, on_down, on_push};
    struct redis_link_conf conf = {.connect_timeout_ms = 2000,
                                   .backoff_ms = 100,
                                   .backoff_max_ms = 1000,
                                   .output_max_bytes = 1u << 20,
                                   .keep_trying = true};
    struct redis_link *l;

    if (redis_url_parse(&conf.url, url, NULL) < 0)
        abort();
    l = redis_link_new(c->base, &conf, &ops, c);
    redis_url_release(&conf.url);
    redis_link_start(l);
    return l;
}

static void run_child(struct shared *shared, const char *url, int index, int fd)
{
    static const char *const slots[] = {"us-east"};
    struct child c = {.shared = shared, .index = index, .fd = fd, .token = TOKEN_FIRST};
    struct shared_state_events ev = {
        .arg = &c, .on_slot = on_slot, .on_mode = on_mode, .on_probe = on_probe};
    char id[32];
    const struct breakers_rule rule = {.breaker = {.failure_threshold = 1,
                                                   .failure_rate = 0,
                                                   .minimum_requests = 1000,
                                                   .window_ms = 10000,
                                                   .recovery_ms = 1,
                                                   .recovery_max_ms = 1,
                                                   .forgive_ms = 60000,
                                                   .half_open_max_calls = 1,
                                                   .success_threshold = 1},
                                       .probe_lease_ms = 5000,
                                       .trip_confirm = "none"};
    struct shared_state_conf conf = {.fleet = "bench",
                                     .router_id = id,
                                     .host = "bench",
                                     .version = version_text(),
                                     .config_digest = "-",
                                     .slots = slots,
                                     .n_slots = 1,
                                     .rules = &rule,
                                     .url = url,
                                     .command_timeout_ms = 1000,
                                     .connect_timeout_ms = 2000,
                                     .sync_ms = 1000};

    snprintf(id, sizeof(id), "bench-%d", index);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    c.base = event_base_new();
    c.store = shared_state_new(c.base, &conf, &ev, NULL);
    c.sub = open_link(&c, url, on_sub_up);
    if (index == 0) {
        c.cmd = open_link(&c, url, on_up);
        c.owner = redis_link_owner_new(c.cmd, &(struct redis_owner_conf){"bench", 1000, 1000});
        c.again = event_new(c.base, -1, 0, on_again, &c);
        c.command = event_new(c.base, fd, EV_READ | EV_PERSIST, on_command, &c);
        event_add(c.command, NULL);
    }
    event_base_dispatch(c.base);
}

/* ---- the parent ---- */

static void nap_ms(int ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
}

static bool all_done(struct shared *s, int n, enum step step, int round)
{
    for (int i = 0; i < n; i++)
        if (atomic_load(&s->done[i][step].round) != round)
            return false;
    return true;
}

/* Time to the last process in us; -1: not all of them had it within wait_ms. */
static int64_t run_step(struct shared *s, int fd, int n, enum step step, int round, int wait_ms)
{
    char byte = (char)step;
    int64_t last_us = 0, end_ms = clock_mono_ms() + wait_ms;

    atomic_store(&s->round, round);
    if (write(fd, &byte, 1) != 1)
        return -1;
    while (!all_done(s, n, step, round)) {
        if (clock_mono_ms() > end_ms)
            return -1;
        nap_ms(1);
    }
    for (int i = 0; i < n; i++) {
        int64_t at_us = atomic_load(&s->done[i][step].at_us);

        last_us = at_us > last_us ? at_us : last_us;
    }
    return last_us - atomic_load(&s->start[step].at_us);
}

static int wait_attached(struct shared *s, int fd, int n)
{
    int64_t end_ms = clock_mono_ms() + PATIENCE_MS;
    int round = -1;

    for (int i = 0; i < n;) {
        if (atomic_load(&s->attached[i]))
            i++;
        else if (clock_mono_ms() > end_ms)
            return -1;
        else
            nap_ms(5);
    }
    while (run_step(s, fd, n, STEP_BARE, round, 200) < 0) { /* until all have subscribed */
        if (clock_mono_ms() > end_ms)
            return -1;
        round--;
    }
    return 0;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void print(const char *name, int64_t *us, int n)
{
    qsort(us, (size_t)n, sizeof(*us), compare);
    printf("\"%s\": {\"p50\": %lld, \"p99\": %lld, \"max\": %lld}", name, (long long)us[n / 2],
           (long long)us[n * 99 / 100], (long long)us[n - 1]);
}

static int measure(struct shared *s, int fd, int n, int rounds)
{
    int64_t *bare = xcalloc((size_t)rounds, sizeof(*bare));
    int64_t *divert = xcalloc((size_t)rounds, sizeof(*divert));
    int rc = wait_attached(s, fd, n);

    if (rc < 0)
        fprintf(stderr, "bench_divert: not all of %d processes attached\n", n);
    for (int i = 0; rc == 0 && i < rounds; i++) {
        nap_ms(GAP_MS);
        bare[i] = run_step(s, fd, n, STEP_BARE, i + 1, PATIENCE_MS);
        nap_ms(GAP_MS);
        divert[i] = run_step(s, fd, n, STEP_OPEN, i + 1, PATIENCE_MS);
        if (bare[i] < 0 || divert[i] < 0 ||
            run_step(s, fd, n, STEP_CLOSED, i + 1, PATIENCE_MS) < 0) {
            fprintf(stderr, "bench_divert: round %d did not reach everybody\n", i + 1);
            rc = -1;
        }
    }
    if (rc == 0) {
        printf("{\"processes\": %d, \"rounds\": %d, ", n, rounds);
        print("bare", bare, rounds);
        printf(", ");
        print("divert", divert, rounds);
        printf("}\n");
    }
    free(bare);
    free(divert);
    return rc;
}

static long number(const char *text, long max)
{
    long n = strtol(text, NULL, 10);

    return n < 1 ? 1 : n > max ? max : n;
}

int main(int argc, char **argv)
{
    int n = argc > 2 ? (int)number(argv[2], PROCESSES_MAX) : 50;
    int rounds = argc > 3 ? (int)number(argv[3], ROUNDS_MAX) : 300;
    pid_t pids[PROCESSES_MAX];
    struct shared *s =
        mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int ends[2], rc;

    if (argc < 2 || s == MAP_FAILED || pipe(ends) < 0) {
        fprintf(stderr, "usage: bench_divert REDIS_URL [PROCESSES [ROUNDS]]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < n; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            run_child(s, argv[1], i, ends[0]);
            _exit(0);
        }
    }
    rc = measure(s, ends[1], n, rounds);
    for (int i = 0; i < n; i++) {
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }
    return rc < 0;
}
