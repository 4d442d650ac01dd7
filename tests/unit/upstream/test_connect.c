/* test_connect.c - connections: refused, late, verified, reused, replaced, capped. */
#include "upstream/upstream.h"

#include "base/clock.h"
#include "upstream/call.h"
#include "upstream_rig.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void get(struct upstream_rig *r, struct upstream_client *c, const char *url,
                int64_t connect_ms, int64_t total_ms)
{
    upstream_client_init(c, r);
    upstream_client_start(
        c, &(struct upstream_request){
               .method = "GET", .url = url, .connect_ms = connect_ms, .total_ms = total_ms});
}

Test(upstream_connect, no_connection)
{
    RIG(r, {.bytes = OK_ANSWER});
    struct upstream_server gone;

    upstream_server_start(&gone, r.base, r.srv.answers, 1);
    upstream_server_stop(&gone);
    for (int i = 0; i < 3; i++) {
        struct upstream_client c;
        char url[64];

        if (i == 0)
            snprintf(url, sizeof(url), "http://127.0.0.1:%d/", gone.port);
        else if (i == 1)
            snprintf(url, sizeof(url), "http://no-such-host.invalid/");
        else
            snprintf(url, sizeof(url), "https://127.0.0.1:%d/", r.srv.port);
        get(&r, &c, url, 3000, 6000);
        if (i == 2) { /* a server that speaks no TLS */
            upstream_rig_run_until(&r, &r.srv.accepted, 1, "connection");
            upstream_server_say_all(&r.srv, "HTTP/1.1 400 Bad Request\r\n\r\n");
        }
        upstream_rig_run_until(&r, &c.ends, 1, "on_end");
        cr_expect(c.end.result == UPSTREAM_CONNECT ||
                      (i == 1 && c.end.result == UPSTREAM_CONNECT_TIMEOUT),
                  "%s: %s (%s)", url, upstream_result_name(c.end.result), c.end.detail);
        cr_expect(c.end.sends == 0 && !c.end.reused && c.end.first_byte_us == 0);
        upstream_client_release(&c);
    }
    upstream_rig_stop(&r);
}

Test(upstream_connect, a_host_without_descriptors_blames_no_region)
{
    RIG(r, {.bytes = OK_ANSWER});
    struct upstream_client c;
    struct rlimit old, low;
    int filler[256], n = 0;
    char url[64];

    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", r.srv.port);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = old;
    low.rlim_cur = ARRAY_LEN(filler);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
    while (n < (int)ARRAY_LEN(filler) && (filler[n] = dup(STDERR_FILENO)) >= 0)
        n++;
    get(&r, &c, url, 3000, 6000);
    upstream_rig_run_until(&r, &c.ends, 1, "on_end");
    cr_expect_eq(c.end.result, UPSTREAM_INTERNAL, "%s (%s)", upstream_result_name(c.end.result),
                 c.end.detail);
    cr_expect(strstr(c.end.detail, "descriptor") != NULL, "%s", c.end.detail);
    upstream_client_release(&c);
    while (n > 0)
        close(filler[--n]);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    upstream_client_run(&r, &c);
    cr_expect_eq(c.end.result, UPSTREAM_COMPLETE, "once there are descriptors again: %s",
                 c.end.detail);
    upstream_client_release(&c);
    upstream_rig_stop(&r);
}

/* A listener whose queue is full drops connection requests on the floor. */
static int full_listener(int *fillers, size_t n, int *port)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sin);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    cr_assert_eq(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
    cr_assert_eq(listen(fd, 0), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
    for (size_t i = 0; i < n; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fillers[i], (struct sockaddr *)&sin, sizeof(sin));
    }
    *port = ntohs(sin.sin_port);
    return fd;
}

Test(upstream_connect, connect_and_total_deadlines_are_told_apart)
{
    static const struct {
        const char *name;
        bool connects;
        int64_t connect_ms, total_ms;
        enum upstream_result want;
        int64_t at_ms;
    } rows[] = {
        {"no connection", false, 100, 60000, UPSTREAM_CONNECT_TIMEOUT, 100},
        {"no connection, total first", false, 60000, 100, UPSTREAM_TOTAL_TIMEOUT, 100},
        {"no head", true, 1000, 1100, UPSTREAM_TOTAL_TIMEOUT, 1100},
    };
    RIG(r, {.bytes = "", .after = KEEP});
    int fillers[4], port;
    int fd = full_listener(fillers, ARRAY_LEN(fillers), &port);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct upstream_client c;
        char url[64];

        snprintf(url, sizeof(url), "http://127.0.0.1:%d/",
                 rows[i].connects ? r.srv.port : port);
        get(&r, &c, url, rows[i].connect_ms, rows[i].total_ms);
        upstream_rig_run_until(&r, &c.ends, 1, "on_end");
        cr_expect_eq(c.end.result, rows[i].want, "row '%s': %s (%s)", rows[i].name,
                     upstream_result_name(c.end.result), c.end.detail);
        cr_expect_geq(c.end.total_us, rows[i].at_ms * 1000, "row '%s'", rows[i].name);
        upstream_client_release(&c);
    }
    close(fd);
    for (size_t i = 0; i < ARRAY_LEN(fillers); i++)
        close(fillers[i]);
    upstream_rig_stop(&r);
}

/* Or what stands in between forgets it. */
Test(upstream_connect, a_silent_connection_is_kept_alive)
{
    RIG(r, {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", .after = KEEP});
    struct upstream_client c;
    int on = 0, idle_s = 0;
    socklen_t len = sizeof(int);

    upstream_client_init(&c, &r);
    upstream_client_post(&r, &c, NULL);
    upstream_rig_run_until(&r, &c.datas, 1, "data");
    cr_assert_eq(getsockopt(c.call->fd, SOL_SOCKET, SO_KEEPALIVE, &on, &len), 0);
    cr_assert_eq(getsockopt(c.call->fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, &len), 0);
    cr_expect(on != 0 && idle_s > 0 && idle_s <= 60, "%d, %d s", on, idle_s);
    upstream_call_cancel(c.call);
    upstream_client_release(&c);
    upstream_rig_stop(&r);
}

Test(upstream_connect, total_deadline_holds_within_the_body_and_while_paused)
{
    for (int paused = 0; paused < 2; paused++) {
        RIG(r, {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", .after = KEEP});
        struct upstream_client c;
        char url[64];

        snprintf(url, sizeof(url), "http://127.0.0.1:%d/", r.srv.port);
        get(&r, &c, url, 1000, 150);
        if (paused)
            upstream_call_pause(c.call);
        upstream_rig_run_until(&r, &c.ends, 1, "on_end");
        cr_expect_eq(c.end.result, UPSTREAM_TOTAL_TIMEOUT, "%s",
                     upstream_result_name(c.end.result));
        cr_expect_eq(c.body_len, paused ? 0u : 2u);
        upstream_client_release(&c);
        upstream_rig_stop(&r);
    }
}

Test(upstream_connect, a_connection_the_server_closed_is_replaced)
{
    for (int seen = 0; seen < 2; seen++) {
        RIG(r, {.bytes = OK_ANSWER});
        struct upstream_client a, b;

        upstream_client_run(&r, &a);
        upstream_server_close_all(&r.srv);
        if (seen) /* else the close is found out when the connection is picked */
            upstream_rig_run_for(&r, 20);
        upstream_client_run(&r, &b);
        cr_expect_eq(b.end.result, UPSTREAM_COMPLETE, "%s", b.end.detail);
        cr_expect(!b.end.reused && b.end.sends == 1);
        upstream_client_release(&a);
        upstream_client_release(&b);
        upstream_rig_stop(&r);
    }
}

Test(upstream_connect, a_request_lost_on_a_reused_connection_is_sent_again_and_says_so)
{
    RIG(r, {.bytes = OK_ANSWER}, {.bytes = "", .after = CLOSE}, {.bytes = OK_ANSWER});
    struct upstream_client a, b;

    upstream_client_run(&r, &a);
    upstream_client_run(&r, &b);
    cr_assert_eq(b.end.result, UPSTREAM_COMPLETE, "%s", b.end.detail);
    cr_assert_eq(b.end.sends, 2);
    cr_assert(!b.end.reused);
    cr_assert_eq(r.srv.requests, 3);
    cr_assert_eq(r.srv.accepted, 2);
    upstream_client_release(&a);
    upstream_client_release(&b);
    upstream_rig_stop(&r);
}

Test(upstream_connect, connections_per_host_and_in_all_are_capped)
{
    for (int host = 0; host < 2; host++) {
        static const struct answer answers[] = {{"", 0, KEEP}};
        struct upstream_rig r = {0};
        struct upstream_client c[4];

        *(host ? &r.conf.max_connections_per_host : &r.conf.max_connections) = 2;
        upstream_rig_start(&r, answers, 1);
        for (size_t i = 0; i < ARRAY_LEN(c); i++) {
            char url[64];

            snprintf(url, sizeof(url), "http://127.0.0.1:%d/", r.srv.port);
            get(&r, &c[i], url, 400, 600);
        }
        upstream_rig_run_until(&r, &r.srv.requests, 2, "two requests");
        for (size_t i = 0; i < ARRAY_LEN(c); i++) {
            upstream_rig_run_until(&r, &c[i].ends, 1, "on_end");
            cr_expect(c[i].end.result == UPSTREAM_TOTAL_TIMEOUT ||
                          c[i].end.result == UPSTREAM_CONNECT_TIMEOUT,
                      "%zu: %s (%s)", i, upstream_result_name(c[i].end.result),
                      c[i].end.detail);
            upstream_client_release(&c[i]);
        }
        cr_expect_leq(r.srv.accepted, 4);
        upstream_rig_stop(&r);
    }
}

Test(upstream_connect, idle_connections_are_kept_up_to_the_pools_size)
{
    static const struct answer answers[] = {{OK_ANSWER, 0, KEEP}};
    struct upstream_rig r = {.conf.pool_connections = 3};
    struct upstream_client c[8];

    upstream_rig_start(&r, answers, 1);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < ARRAY_LEN(c); i++) {
            upstream_client_init(&c[i], &r);
            upstream_client_post(&r, &c[i], NULL);
        }
        for (size_t i = 0; i < ARRAY_LEN(c); i++) {
            upstream_rig_run_until(&r, &c[i].ends, 1, "on_end");
            cr_expect_eq(c[i].end.result, UPSTREAM_COMPLETE);
            upstream_client_release(&c[i]);
        }
    }
    upstream_rig_run_for(&r, 20);
    int kept = r.srv.accepted - r.srv.closed;
    cr_assert(kept >= 3 && kept <= 4, "%d kept", kept); /* one more while the last one ends */
    upstream_rig_stop(&r);
}

/* --- TLS: a certificate and a server by the openssl program --- */

static char tls_dir[] = "/tmp/sluice-tls-XXXXXX";

static pid_t spawn(char *const argv[], int *out)
{
    int pipefd[2];

    cr_assert_eq(pipe(pipefd), 0);
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(null, 0);
        dup2(pipefd[1], 1);
        dup2(null, 2);
        close(pipefd[0]);
        execvp(argv[0], argv);
        _exit(127);
    }
    close(pipefd[1]);
    if (out != NULL)
        *out = pipefd[0];
    else
        close(pipefd[0]);
    return pid;
}

static int spawn_and_wait(char *const argv[])
{
    int status;

    waitpid(spawn(argv, NULL), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* "ACCEPT 127.0.0.1:PORT", which s_server prints once it listens. */
static int read_port(int fd)
{
    char text[512];
    size_t n = 0;
    int port = 0;

    while (n < sizeof(text) - 1) {
        ssize_t got = read(fd, text + n, sizeof(text) - 1 - n);

        if (got <= 0)
            break;
        n += (size_t)got;
        text[n] = '\0';
        const char *at = strstr(text, "ACCEPT ");
        if (at != NULL && strchr(at, '\n') != NULL) {
            port = (int)strtol(strrchr(at, ':') + 1, NULL, 10);
            break;
        }
    }
    return port;
}

/* Our own authority and only certificate, and s_server with it; more: of its options. */
struct tls_server {
    char key[64], cert[64];
    int out, port;
    pid_t pid;
};

static void tls_server_start(struct tls_server *s, char *const *more)
{
    char *const version[] = {"openssl", "version", NULL};
    char *serve[16] = {"openssl", "s_server", "-accept", "127.0.0.1:0", "-cert",
                       s->cert,   "-key",     s->key,    "-www"};

    if (spawn_and_wait(version) == 127)
        cr_skip_test("no openssl program");
    cr_assert_not_null(mkdtemp(tls_dir));
    snprintf(s->key, sizeof(s->key), "%s/key.pem", tls_dir);
    snprintf(s->cert, sizeof(s->cert), "%s/cert.pem", tls_dir);
    char *const req[] = {"openssl",         "req",      "-x509",
                         "-newkey",         "rsa:2048", "-nodes",
                         "-days",           "2",        "-subj",
                         "/CN=sluice-test", "-addext",  "subjectAltName=IP:127.0.0.1",
                         "-keyout",         s->key,     "-out",
                         s->cert,           NULL};
    cr_assert_eq(spawn_and_wait(req), 0);
    for (size_t i = 0; more[i] != NULL; i++)
        serve[9 + i] = more[i];
    s->pid = spawn(serve, &s->out);
    s->port = read_port(s->out);
    cr_assert_gt(s->port, 0);
}

static void tls_server_stop(struct tls_server *s)
{
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    close(s->out);
    unlink(s->key);
    unlink(s->cert);
    rmdir(tls_dir);
}

/* One request to it, held against trust. */
static void ask_tls_server(const struct tls_server *s, const struct config_trust *trust,
                           struct upstream_client *c)
{
    static const struct answer unused[] = {{OK_ANSWER, 0, KEEP}};
    struct upstream_rig r = {0};
    char url[64];

    upstream_rig_start(&r, unused, 1);
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/", s->port);
    upstream_client_init(c, &r);
    upstream_client_start(
        c,
        &(struct upstream_request){
            .method = "GET", .url = url, .trust = trust, .connect_ms = 3000, .total_ms = 5000});
    upstream_rig_run_until(&r, &c->ends, 1, "on_end");
    upstream_client_release(c);
    upstream_rig_stop(&r);
}

Test(upstream_connect, tls_is_verified)
{
    struct tls_server s;

    tls_server_start(&s, (char *const[]){NULL});
    const struct config_trust own = {.ca_file = s.cert}, extra = {.extra_ca_file = s.cert},
                              systems = {0};
    const struct config_trust *trusts[] = {&own, &extra, &systems, NULL};

    for (size_t i = 0; i < ARRAY_LEN(trusts); i++) {
        struct upstream_client c;
        bool trusted = i < 2;

        ask_tls_server(&s, trusts[i], &c);
        cr_expect_eq(c.end.result, trusted ? UPSTREAM_COMPLETE : UPSTREAM_CONNECT,
                     "%zu: %s (%s)", i, upstream_result_name(c.end.result), c.end.detail);
        cr_expect_eq(c.heads, trusted);
        if (trusted)
            cr_expect_gt(c.end.connect_us, 0);
    }
    tls_server_stop(&s);
}

/* A host whose OpenSSL allows everything must not bring us below TLS 1.2. */
Test(upstream_connect, tls_is_1_2_at_least_whatever_the_host_allows)
{
    static char *const old[] = {"-tls1_1", "-cipher", "ALL:@SECLEVEL=0", NULL};
    static const char lax[] = "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n"
                              "[c]\nMinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0\n";
    struct upstream_client c;
    struct tls_server s;
    char conf[] = "/tmp/sluice-openssl-XXXXXX";
    int fd = mkstemp(conf);

    cr_assert_eq(write(fd, lax, strlen(lax)), (ssize_t)strlen(lax));
    tls_server_start(&s, old);
    setenv("OPENSSL_CONF", conf, 1); /* before the first use of OpenSSL in this process */
    ask_tls_server(&s, &(struct config_trust){.ca_file = s.cert}, &c);
    cr_expect_eq(c.end.result, UPSTREAM_CONNECT, "%s", upstream_result_name(c.end.result));
    cr_expect_not_null(strstr(c.end.detail, "protocol version"), "%s", c.end.detail);
    tls_server_stop(&s);
    close(fd);
    unlink(conf);
}

/* libcurl resolves in a thread; ending the call must not wait for it. */
Test(upstream_connect, cancel_during_a_name_look_up_does_not_block)
{
    RIG(r, {.bytes = OK_ANSWER});
    struct upstream_client c;

    get(&r, &c, "http://slow-to-resolve.invalid/", 5000, 5000);
    event_base_loop(r.base, EVLOOP_NONBLOCK); /* the look-up starts */
    int64_t us = clock_mono_us();
    upstream_call_cancel(c.call);
    cr_assert_lt(clock_mono_us() - us, 4000000, "the look-up gets 5 s");
    cr_assert_eq(c.ends, 0);
    upstream_client_release(&c);
    upstream_rig_stop(&r);
}
