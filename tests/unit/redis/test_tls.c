/* test_tls.c - the link over TLS: to whom it speaks, and what it says of the others. */
#include "redis/tls.h"

#include "link_world.h"
#include "redis_server.h"
#include "tls_files.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
static const struct {
    const char *name, *host, *server, *auth, *ca, *cert, *why; /* why NULL: comes up */
} cases[] = {
    {"an address",            "127.0.0.1", "good", "no", "ca.crt", NULL, NULL},
    {"a name",                "localhost", "good", "no", "ca.crt", NULL, NULL},
    {"a client certificate",  "127.0.0.1", "good", "yes", "ca.crt", "client", NULL},
    {"another authority",     "127.0.0.1", "good", "no", "other.crt", NULL,
     "TLS: the certificate of 127.0.0.1 is of an authority that is not trusted (name its file in "
     "redis.ca_file)"},
    {"the system's trust",    "127.0.0.1", "good", "no", NULL, NULL,
     "TLS: the certificate of 127.0.0.1 is of an authority that is not trusted"},
    {"expired",               "127.0.0.1", "old", "no", "ca.crt", NULL,
     "TLS: the certificate of 127.0.0.1 has expired"},
    {"another address in it", "127.0.0.1", "wrong", "no", "ca.crt", NULL,
     "TLS: the certificate is for another name than 127.0.0.1"},
    {"another name in it",    "localhost", "wrong", "no", "ca.crt", NULL,
     "TLS: the certificate is for another name than localhost"},
    {"no client certificate", "127.0.0.1", "good", "yes", "ca.crt", NULL,
     "client certificate (redis.cert_file)"},
    {"a client certificate of a stranger", "127.0.0.1", "good", "yes", "ca.crt", "stranger",
     "certificate (redis.cert_file)"},
};
/* clang-format on */

static struct redis_tls *tls_of(const struct tls_files *f, const char *ca, const char *cert)
{
    char crt[96] = "", key[96] = "";
    struct err err = {0};

    if (cert != NULL) {
        snprintf(crt, sizeof(crt), "%s/%s.crt", f->dir, cert);
        snprintf(key, sizeof(key), "%s/%s.key", f->dir, cert);
    }
    struct redis_tls *t = redis_tls_new(
        &(struct redis_tls_conf){.ca_file = ca != NULL ? tls_files_path(f, ca) : NULL,
                                 .cert_file = crt,
                                 .key_file = key},
        &err);

    cr_assert_not_null(t, "%s", err.msg);
    return t;
}

static void open_link(struct world *w, const char *host, int port, struct redis_tls *t,
                      int connect_ms)
{
    char url[64];

    world_init(w);
    snprintf(url, sizeof(url), "rediss://:pw@%s:%d", host, port);
    struct redis_link_conf conf = world_conf(url);

    conf.tls = t;
    conf.keep_trying = false;
    conf.connect_timeout_ms = connect_ms;
    world_link(w, &conf);
    redis_tls_drop(t); /* the link holds it */
}

static bool up_or_down(const struct world *w)
{
    return w->ups + w->downs > 0;
}

Test(redis_tls, speaks_only_to_whom_it_trusts)
{
    struct tls_files f;

    tls_files_make(&f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct redis_server s;
        struct world w;
        char options[600];

        snprintf(options, sizeof(options), "%s --requirepass pw",
                 tls_files_options(&f, cases[i].server, cases[i].auth));
        redis_server_start(&s, options);
        open_link(&w, cases[i].host, s.port, tls_of(&f, cases[i].ca, cases[i].cert), 5000);
        world_wait(&w, up_or_down);
        cr_expect_eq(w.ups, cases[i].why == NULL ? 1 : 0, "%s: %s", cases[i].name, w.why);
        if (cases[i].why != NULL)
            cr_expect_not_null(strstr(w.why, cases[i].why), "%s: %s", cases[i].name, w.why);
        cr_expect_null(strstr(w.why, "pw"), "%s", w.why);
        if (w.ups > 0) {
            cr_expect_eq(world_send(&w, "SET k v"), 0);
            world_wait(&w, world_has_reply);
            cr_expect_str_eq(w.said, "OK ");
        }
        world_release(&w);
        redis_server_stop(&s);
    }
    tls_files_remove(&f);
}

/* What the router trusts stands in its config; sluice-admin may have none. */
Test(redis_tls, the_environment_names_authorities_only_where_it_may)
{
    struct tls_files f;
    struct redis_server s;
    char options[600];

    tls_files_make(&f);
    snprintf(options, sizeof(options), "%s --requirepass pw",
             tls_files_options(&f, "good", "no"));
    redis_server_start(&s, options);
    setenv("SSL_CERT_FILE", tls_files_path(&f, "ca.crt"), 1);
    for (int heeds = 0; heeds < 2; heeds++) {
        struct err err = {0};
        struct world w;
        struct redis_tls *t =
            redis_tls_new(&(struct redis_tls_conf){.heeds_environment = heeds}, &err);

        cr_assert_not_null(t, "%s", err.msg);
        open_link(&w, "127.0.0.1", s.port, t, 5000);
        world_wait(&w, up_or_down);
        cr_expect_eq(w.ups, heeds, "%d: %s", heeds, w.why);
        world_release(&w);
    }
    redis_server_stop(&s);
    tls_files_remove(&f);
}

Test(redis_tls, tells_a_server_without_tls)
{
    struct redis_server s;
    struct tls_files f;
    struct world w;

    tls_files_make(&f);
    redis_server_start(&s, "");
    open_link(&w, "127.0.0.1", s.port, tls_of(&f, "ca.crt", NULL), 200);
    world_wait(&w, world_is_down);
    cr_expect_not_null(strstr(w.why, "does it speak TLS on that port?"), "%s", w.why);
    world_release(&w);
    redis_server_stop(&s);
    tls_files_remove(&f);
}

Test(redis_tls, refuses_an_old_version)
{
    struct redis_server s;
    struct tls_files f;
    struct world w;
    char options[600];

    tls_files_make(&f);
    snprintf(options, sizeof(options), "%s --tls-protocols TLSv1.1",
             tls_files_options(&f, "good", "no"));
    redis_server_start(&s, options);
    open_link(&w, "127.0.0.1", s.port, tls_of(&f, "ca.crt", NULL), 5000);
    world_wait(&w, world_is_down);
    cr_expect_eq(strncmp(w.why, "TLS", 3), 0, "%s", w.why);
    world_release(&w);
    redis_server_stop(&s);
    tls_files_remove(&f);
}

static bool big_reply(const struct world *w)
{
    return w->replies == 2;
}

/* More than one TLS record both ways, and the last word of a link that is freed. */
Test(redis_tls, carries_much_and_the_last_word)
{
    static char big[1u << 20];
    const char *set[] = {"SET", "k", big}, *get[] = {"GET", "k"}, *last[] = {"SET", "end", "x"};
    const size_t lens[] = {3, 1, sizeof(big)};
    struct redis_server s;
    struct tls_files f;
    struct world w;

    tls_files_make(&f);
    memset(big, 'a', sizeof(big));
    redis_server_start(&s, tls_files_options(&f, "good", "no"));
    freeReplyObject(redis_server_command(&s, "CONFIG SET requirepass pw"));
    snprintf(s.options, sizeof(s.options), "--requirepass pw");
    open_link(&w, "127.0.0.1", s.port, tls_of(&f, "ca.crt", NULL), 5000);
    world_wait(&w, world_is_up);
    cr_assert_eq(redis_link_send(w.owner, 3, set, lens, world_on_reply, &w), 0);
    cr_assert_eq(redis_link_send(w.owner, 2, get, NULL, world_on_reply, &w), 0);
    world_wait(&w, big_reply);
    cr_expect_eq(strlen(w.said), sizeof(w.said) - 1);
    cr_assert_eq(redis_link_send(w.owner, 3, last, NULL, world_on_reply, &w), 0);
    redis_link_free(w.link);
    w.link = NULL;
    /* Redis reads the connection in order, but answers others meanwhile. */
    for (int i = 0; i < 500; i++) {
        redisReply *r = redis_server_command(&s, "EXISTS end");
        bool there = r->integer == 1;

        freeReplyObject(r);
        if (there)
            break;
        cr_assert_lt(i, 499, "the last word did not arrive");
        world_idle(&w, 10);
    }
    world_release(&w);
    redis_server_stop(&s);
    tls_files_remove(&f);
}

static bool down_once(const struct world *w)
{
    return w->ups >= 2 && w->downs >= 1;
}

Test(redis_tls, comes_back_after_a_kill)
{
    struct redis_server s;
    struct tls_files f;
    struct world w;
    char url[64];

    tls_files_make(&f);
    redis_server_start(&s, tls_files_options(&f, "good", "no"));
    world_init(&w);
    snprintf(url, sizeof(url), "rediss://127.0.0.1:%d", s.port);
    struct redis_link_conf conf = world_conf(url);

    conf.tls = tls_of(&f, "ca.crt", NULL);
    world_link(&w, &conf);
    redis_tls_drop(conf.tls);
    world_wait(&w, world_is_up);
    redis_server_kill(&s);
    world_wait(&w, world_is_down);
    cr_expect_str_eq(w.why, "connection closed by Redis");
    redis_server_restart(&s);
    world_wait(&w, down_once);
    world_release(&w);
    redis_server_stop(&s);
    tls_files_remove(&f);
}

/* A kernel's backlog takes the connection of a server that is stopped: no handshake comes. */
Test(redis_tls, bounds_the_handshake)
{
    struct redis_server s;
    struct tls_files f;
    struct world w;
    char url[64];

    tls_files_make(&f);
    redis_server_start(&s, tls_files_options(&f, "good", "no"));
    redis_server_pause(&s);
    world_init(&w);
    snprintf(url, sizeof(url), "rediss://127.0.0.1:%d", s.port);
    struct redis_link_conf conf = world_conf(url);

    conf.tls = tls_of(&f, "ca.crt", NULL);
    conf.connect_timeout_ms = 100;
    world_link(&w, &conf);
    redis_tls_drop(conf.tls);
    world_wait(&w, world_is_down);
    cr_expect_str_eq(w.why, "no TLS handshake (does it speak TLS on that port?) within 100 ms");
    world_release(&w);
    redis_server_stop(&s);
    tls_files_remove(&f);
}

/* clang-format off */
static const struct {
    const char *ca, *cert, *key, *says; /* a file of the directory; NULL: none */
} files[] = {
    {"ca.crt",  NULL,         NULL,         NULL},
    {NULL,      NULL,         NULL,         NULL},
    {"none",    NULL,         NULL,         "none' cannot be read as PEM certificates: No such file or directory"},
    {"ca.key",  NULL,         NULL,         "redis.ca_file '"},
    {"ca.crt",  "client.crt", NULL,         "one of them is missing"},
    {"ca.crt",  NULL,         "client.key", "one of them is missing"},
    {"ca.crt",  "none",       "client.key", "redis.cert_file '"},
    {"ca.crt",  "client.crt", "good.key",   "redis.key_file '"},
    {"ca.crt",  "client.crt", "none",       "redis.key_file '"},
    {"ca.crt",  "client.crt", "locked.key", "redis.key_file '"},
};
/* clang-format on */

Test(redis_tls, says_which_file_is_no_good)
{
    struct tls_files f;
    char line[256];

    tls_files_make(&f);
    snprintf(line, sizeof(line),
             "cd %s && openssl ec -in client.key -aes128 -passout pass:x -out locked.key 2>log",
             f.dir);
    cr_assert_eq(system(line), 0);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct redis_tls_conf conf = {
            .ca_file = files[i].ca != NULL ? tls_files_path(&f, files[i].ca) : NULL,
            .cert_file = files[i].cert != NULL ? tls_files_path(&f, files[i].cert) : "",
            .key_file = files[i].key != NULL ? tls_files_path(&f, files[i].key) : NULL};
        struct err err = {0};
        struct redis_tls *t = redis_tls_new(&conf, &err);

        cr_expect_eq(t == NULL, files[i].says != NULL, "row %zu: %s", i, err.msg);
        if (files[i].says != NULL)
            cr_expect_not_null(strstr(err.msg, files[i].says), "row %zu: %s", i, err.msg);
        redis_tls_drop(t);
    }
    tls_files_remove(&f);
}
