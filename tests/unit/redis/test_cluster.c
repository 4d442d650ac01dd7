/* test_cluster.c - what a node of a Cluster says of all its nodes: the forms of Redis 7.0 to 8,
 * and those that nobody should send. */
#include "redis/cluster.h"

#include "redis/reply.h"

#include <criterion/criterion.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

#define MAX 65536

/* Elements up to the ']' that closes the list before rest. */
static size_t count(const char *rest)
{
    size_t n = 0;
    int depth = 0;

    for (const char *at = rest; *at != '\0' && depth >= 0; at += strcspn(at, " ")) {
        at += strspn(at, " ");
        n += depth == 0 && *at != ']' && *at != '\0';
        depth += *at == '[' ? 1 : *at == ']' ? -1 : 0;
    }
    return n;
}

/* A reply from a short form: "[" and "]" make a list, a word is a string, "" an empty one,
 * ~ NULL, :n a number, !x an error. */
static struct redisReply *reply_of(const char *text)
{
    static char out[MAX];
    size_t n = 0, used;
    struct redis_reply *d = redis_reply_new();
    struct redisReply *r = NULL;
    const char *why = NULL;

    for (const char *at = text; *at != '\0'; at += strspn(at, " ")) {
        int len = (int)strcspn(at, " ");
        const char *word = at;

        at += len;
        if (word[0] == ']')
            continue;
        if (word[0] == '[')
            n += (size_t)snprintf(out + n, sizeof(out) - n, "*%zu\r\n", count(at));
        else if (word[0] == ':' || word[0] == '!')
            n += (size_t)snprintf(out + n, sizeof(out) - n, "%c%.*s\r\n",
                                  word[0] == ':' ? ':' : '-', len - 1, word + 1);
        else if (word[0] == '~')
            n += (size_t)snprintf(out + n, sizeof(out) - n, "$-1\r\n");
        else if (word[0] == '"')
            n += (size_t)snprintf(out + n, sizeof(out) - n, "$0\r\n\r\n");
        else
            n += (size_t)snprintf(out + n, sizeof(out) - n, "$%d\r\n%.*s\r\n", len, len, word);
        cr_assert_lt(n, sizeof(out));
    }
    cr_assert_eq(redis_reply_feed(d, out, n, &used, &r, &why), REDIS_REPLY_DONE, "%.300s: %s",
                 text, why != NULL ? why : "more is wanted");
    redis_reply_free(d);
    return r;
}

#define NODE(port, endpoint, health)                                                           \
    "[ id 07c37dfeb235213a872192d90877d0cd55635b91 port :" port                                \
    " ip 10.0.0.1 endpoint " endpoint " role master replication-offset :72156 health " health  \
    " ] "
#define SHARD(nodes) "[ slots [ :0 :5460 ] nodes [ " nodes "] ] "

/* clang-format off */
static const struct {
    const char *name, *url, *text, *want; /* want NULL: refused */
} rows[] = {
    {"two shards, the own node is the URL's", "redis://10.0.0.1:7000",
     "[ " SHARD(NODE("7000", "10.0.0.1", "online") NODE("7003", "10.0.0.4", "online"))
          SHARD(NODE("7001", "10.0.0.2", "online")) "]", "10.0.0.4:7003 10.0.0.2:7001 "},
    {"those that failed come last", "redis://10.0.0.1:7000",
     "[ " SHARD(NODE("7003", "10.0.0.4", "fail") NODE("7001", "10.0.0.2", "loading")) "]",
     "10.0.0.2:7001 10.0.0.4:7003 "},
    {"a shard without slots", "redis://10.0.0.1:7000",
     "[ [ slots [ ] nodes [ " NODE("1", "h", "online") "] ] ]", "h:1 "},
    {"a host name", "redis://10.0.0.1:7000", "[ " SHARD(NODE("1", "Node-1.example", "online")) "]", "Node-1.example:1 "},
    {"a URL's host name in other letters", "redis://NODE.example:1", "[ " SHARD(NODE("1", "node.EXAMPLE", "online")) "]", ""},
    {"IPv6", "redis://10.0.0.1:7000", "[ " SHARD(NODE("1", "fe80::1", "online")) "]", "[fe80::1]:1 "},
    {"an unknown endpoint is where we asked", "redis://10.0.0.1:7000",
     "[ " SHARD(NODE("7000", "\"\"", "online") NODE("7001", "\"\"", "online") NODE("7002", "~", "online")) "]",
     "asked.example:7000 asked.example:7001 asked.example:7002 "},
    {"no host name, and one is preferred: nowhere", "redis://10.0.0.1:7000",
     "[ " SHARD(NODE("1", "?", "online") NODE("2", "b", "online")) "]", "b:2 "},
    {"the same one twice", "redis://10.0.0.1:7000", "[ " SHARD(NODE("1", "a", "online") NODE("1", "A", "online")) "]", "a:1 "},
    {"a port that is none", "redis://10.0.0.1:7000",
     "[ " SHARD(NODE("0", "a", "online") NODE("65536", "a", "online") NODE("-1", "a", "online")) "]", ""},
    {"TLS wants the TLS port", "rediss://10.0.0.1:7000",
     "[ " SHARD("[ port :1 tls-port :2 endpoint a ] [ port :3 endpoint b ] [ tls-port :4 endpoint c ] ") "]", "a:2 c:4 "},
    {"without TLS it is not for us", "redis://10.0.0.1:7000", "[ " SHARD("[ tls-port :4 endpoint c ] ") "]", ""},
    {"a later version's keys", "redis://10.0.0.1:7000",
     "[ [ id x slots [ ] nodes [ [ new [ :1 [ ] ] endpoint a port :1 newer ~ ] ] shard :3 ] ]", "a:1 "},
    {"a byte that no host has", "redis://10.0.0.1:7000", "[ " SHARD(NODE("1", "a@b", "online") NODE("1", "a/b", "online") NODE("2", "b", "online")) "]", "b:2 "},
    {"nobody", "redis://10.0.0.1:7000", "[ ]", ""},
    {"over a socket the host is not known", "unix:///s", "[ " SHARD(NODE("1", "a", "online")) "]", "a:1 "},

    {"an error", "redis://10.0.0.1:7000", "!NOPERM", NULL},
    {"a text", "redis://10.0.0.1:7000", "nodes", NULL},
    {"a number for a shard", "redis://10.0.0.1:7000", "[ :1 ]", NULL},
    {"an odd map", "redis://10.0.0.1:7000", "[ [ nodes [ ] slots ] ]", NULL},
    {"a key that is no text", "redis://10.0.0.1:7000", "[ [ :1 :2 nodes [ ] ] ]", NULL},
    {"no nodes", "redis://10.0.0.1:7000", "[ [ slots [ ] ] ]", NULL},
    {"nodes that are no list", "redis://10.0.0.1:7000", "[ [ nodes a ] ]", NULL},
    {"a node that is no map", "redis://10.0.0.1:7000", "[ [ nodes [ a ] ] ]", NULL},
    {"a node without an endpoint", "redis://10.0.0.1:7000", "[ [ nodes [ [ port :1 ] ] ] ]", NULL},
    {"an endpoint that is a list", "redis://10.0.0.1:7000", "[ [ nodes [ [ endpoint [ ] port :1 ] ] ] ]", NULL},
    {"the second shard is wrong", "redis://10.0.0.1:7000", "[ " SHARD(NODE("1", "a", "online")) "[ ] ]", NULL},
};
/* clang-format on */

static void show(const struct redis_cluster *c, char *out, size_t cap)
{
    size_t n = 0;

    out[0] = '\0';
    for (size_t i = 0; i < c->n; i++) {
        char text[REDIS_NODE_TEXT_MAX];

        redis_node_show(&c->nodes[i], text);
        n += (size_t)snprintf(out + n, cap - n, "%s ", text);
        cr_assert_lt(n, cap);
    }
}

static const struct redis_node asked = {"asked.example", 7009};

static bool learn(struct redis_cluster *c, const char *url_text, const char *text)
{
    struct redisReply *r = reply_of(text);
    struct redis_url url;
    struct err err = {0};
    bool ok;

    cr_assert_eq(redis_url_parse(&url, url_text, &err), 0, "%s", err.msg);
    ok = redis_cluster_learn(c, r, &asked, &url);
    freeReplyObject(r);
    return ok;
}

Test(redis_cluster, answers)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct redis_cluster c = {.nodes = {{"old", 1}}, .n = 1};
        char got[4096];
        bool ok = learn(&c, rows[i].url, rows[i].text);

        show(&c, got, sizeof(got));
        cr_expect_eq(ok, rows[i].want != NULL, "row '%s'", rows[i].name);
        cr_expect_str_eq(got, ok ? rows[i].want : "old:1 ", "row '%s'", rows[i].name);
    }
}

Test(redis_cluster, remembers_no_more_than_it_may_and_those_that_live)
{
    struct redis_cluster c = {.n = 0};
    char text[MAX], got[4096];
    size_t n = (size_t)snprintf(text, sizeof(text), "[ [ nodes [ ");

    for (int i = 1; i <= 200; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "[ endpoint a port :%d health %s ] ",
                              i, i <= 190 ? "fail" : "online");
    snprintf(text + n, sizeof(text) - n, "] ] ]");
    cr_assert(learn(&c, "redis://x", text));
    cr_expect_eq(c.n, REDIS_CLUSTER_NODES_MAX);
    show(&c, got, sizeof(got));
    cr_expect_eq(strncmp(got, "a:191 a:192 ", 12), 0, "%s", got);
    cr_expect_not_null(strstr(got, "a:200 a:1 a:2 "), "%s", got);
}

Test(redis_cluster, refuses_a_host_that_is_too_long)
{
    struct redis_cluster c = {.n = 0};
    char text[1024];

    snprintf(text, sizeof(text),
             "[ [ nodes [ [ endpoint %0256d port :1 ] [ endpoint %0255d port "
             ":2 ] ] ] ]",
             0, 0);
    cr_assert(learn(&c, "redis://x", text));
    cr_expect_eq(c.n, 1);
    cr_expect_eq(c.nodes[0].port, 2);
}

Test(redis_cluster, tells_a_cluster_by_its_info)
{
    /* clang-format off */
    static const struct { const char *text; bool want; } infos[] = {
        {"# Cluster\r\ncluster_enabled:1\r\n", true},
        {"cluster_enabled:1", true},
        {"# Cluster\r\ncluster_enabled:0\r\n", false},
        {"cluster_enabled:10\r\n", false},
        {"xcluster_enabled:1\r\n", false},
        {"", false},
    };
    /* clang-format on */

    for (size_t i = 0; i < ARRAY_LEN(infos); i++) {
        char text[64];
        struct redisReply r = {.type = REDIS_REPLY_STRING, .str = text};

        r.len = (size_t)snprintf(text, sizeof(text), "%s", infos[i].text);
        cr_expect_eq(redis_cluster_is_one(&r), infos[i].want, "%s", infos[i].text);
        r.type = REDIS_REPLY_ERROR;
        cr_expect_not(redis_cluster_is_one(&r));
    }
    cr_expect_not(redis_cluster_is_one(NULL));
}
