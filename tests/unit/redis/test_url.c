/* test_url.c - what is accepted, what is said about the rest, and that no password shows.
 */
#include "redis/url.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
static const struct {
    const char *url, *host, *user, *password, *shown;
    int port, db;
    bool is_unix;
} good[] = {
    {"redis://h",                    "h", "", "", "redis://h:6379/0", 6379, 0, false},
    {"REDIS://h/",                   "h", "", "", "redis://h:6379/0", 6379, 0, false},
    {"redis://h:1",                  "h", "", "", "redis://h:1/0", 1, 0, false},
    {"redis://h:65535/65535",        "h", "", "", "redis://h:65535/65535", 65535, 65535, false},
    {"redis://10.0.0.1:7000/3",      "10.0.0.1", "", "", "redis://10.0.0.1:7000/3", 7000, 3, false},
    {"redis://[::1]:7000/3",         "::1", "", "", "redis://[::1]:7000/3", 7000, 3, false},
    {"redis://[fe80::1%eth0]",       "fe80::1%eth0", "", "", "redis://[fe80::1%eth0]:6379/0", 6379, 0, false},
    {"redis://:pw@h",                "h", "", "pw", "redis://h:6379/0", 6379, 0, false},
    {"redis://bob:pw@h:1/2",         "h", "bob", "pw", "redis://h:1/2", 1, 2, false},
    {"redis://b%40b:p%2F%3a%25w@h",  "h", "b@b", "p/:%w", "redis://h:6379/0", 6379, 0, false},
    {"redis://bob:a:b@h",            "h", "bob", "a:b", "redis://h:6379/0", 6379, 0, false},
    {"redis://h,[::1]:7001,b:1",     "h", "", "", "redis://h:6379,[::1]:7001,b:1/0", 6379, 0, false},
    {"redis+sentinel://s1,s2:7/m",   "s1", "", "", "redis+sentinel://s1:26379,s2:7/m/0", 26379, 0, false},
    {"redis+sentinel://b:pw@s/my%20m/3", "s", "b", "pw", "redis+sentinel://s:26379/my%20m/3", 26379, 3, false},
    {"unix:///run/redis.sock",       "/run/redis.sock", "", "", "unix:///run/redis.sock", 0, 0, true},
    {"unix:///r?db=7",               "/r", "", "", "unix:///r?db=7", 0, 7, true},
    {"unix:///a%20b%0Ac",            "/a b\nc", "", "", "unix:///a%20b%0Ac", 0, 0, true},
    {"unix://bob:pw@/r",             "/r", "bob", "pw", "unix:///r", 0, 0, true},
    {"unix://:p%40@/r",              "/r", "", "p@", "unix:///r", 0, 0, true},
};

static const struct {
    const char *url, *says;
} bad[] = {
    {"",                          "want redis://"},
    {"http://h",                  "want redis://"},
    {"redis+tls://h",             "want redis://"},
    {"redis:/h",                  "want redis://"},
    {"redis://",                  "the host is missing"},
    {"redis:///1",                "the host is missing"},
    {"redis://:1",                "the host is missing"},
    {"redis://h:0",               "the port is no number in 1..65535"},
    {"redis://h:65536",           "the port is no number"},
    {"redis://h:",                "the port is no number"},
    {"redis://h:1x",              "the port is no number"},
    {"redis://::1",               "the host is missing"},
    {"redis://h/65536",           "the database is no number in 0..65535"},
    {"redis://h/-1",              "the database is no number"},
    {"redis://h/1/2",             "the database is no number"},
    {"redis://h/x",               "the database is no number"},
    {"redis://h?db=1",            "'?' and '#'"},
    {"redis://h,",                "the host is missing"},
    {"redis://h,,i",              "the host is missing"},
    {"redis://h,i:0",             "the port is no number"},
    {"redis://h,i/1",             "a Redis Cluster, which has database 0 only"},
    {"redis+sentinel://h",        "the master's name is missing"},
    {"redis+sentinel://h/",       "the master's name is missing"},
    {"redis+sentinel://h//1",     "the master's name is missing"},
    {"redis+sentinel://h/m/x",    "the database is no number"},
    {"redis+sentinel://h/m%0",    "the master's name has a '%'"},
    {"redis+sentinel:///m",       "the host is missing"},
    {"redis+sentinel://bob:s3/cret@h/m", "'/' in front of '@'"},
    {"redis://[::1",              "'[' without ']'"},
    {"redis://[]",                "the host is missing"},
    {"redis://[::1]x",            "after ']'"},
    {"redis://a b",               "a byte that no host name has"},
    {"redis://h\n",               "a byte that no host name has"},
    {"redis://s3cret@h",          "no ':' in front of '@'"},
    {"redis://bob:@h",            "the password is empty"},
    {"redis://bob:s3cret@x@h",    "more than one '@'"},
    {"redis://bob:s3/cret@h",     "'/' in front of '@'"},
    {"redis://bob:s3?cret@h",     "'?' and '#'"},
    {"redis://bob:s3cret%4@h",    "without two hex digits"},
    {"redis://bob:s3cret%@h",     "without two hex digits"},
    {"redis://bob:s3cret%zz@h",   "without two hex digits"},
    {"redis://bob:s3cret%00@h",   "a NUL byte"},
    {"redis://bob:s3cret@h:x",    "the port is no number"},
    {"unix://",                   "no '/' where the path begins"},
    {"unix://host/path",          "a host in a unix URL"},
    {"unix:///p?db=",             "the database is no number"},
    {"unix:///p?x=1",             "only '?db=n' may follow"},
    {"unix://bob:s3cret@",        "no '/' where the path begins"},
};
/* clang-format on */

Test(redis_url, accepts)
{
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct redis_url u;
        struct err err = {0};
        char shown[1100];

        cr_assert_eq(redis_url_parse(&u, good[i].url, &err), 0, "%s: %s", good[i].url, err.msg);
        cr_expect_str_eq(u.host, good[i].host, "%s", good[i].url);
        cr_expect_str_eq(u.user, good[i].user, "%s", good[i].url);
        cr_expect_str_eq(u.password, good[i].password, "%s", good[i].url);
        cr_expect_eq(u.port, good[i].port, "%s", good[i].url);
        cr_expect_eq(u.db, good[i].db, "%s", good[i].url);
        cr_expect_eq(u.is_unix, good[i].is_unix, "%s", good[i].url);
        redis_url_show(&u, shown, sizeof(shown));
        cr_expect_str_eq(shown, good[i].shown);
        redis_url_release(&u);
        cr_expect_str_eq(u.password, "");
    }
}

Test(redis_url, refuses_and_shows_no_password)
{
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct redis_url u;
        struct err err = {0};

        cr_assert_eq(redis_url_parse(&u, bad[i].url, &err), -1, "%s", bad[i].url);
        cr_expect_not_null(strstr(err.msg, bad[i].says), "%s: %s", bad[i].url, err.msg);
        cr_expect_eq(strncmp(err.msg, "Redis URL: ", 11), 0, "%s", err.msg);
        cr_expect_null(strstr(err.msg, "s3"), "%s", err.msg);
        cr_expect_eq(u.password[0], '\0', "%s", bad[i].url);
        cr_expect_eq(redis_url_parse(&u, bad[i].url, NULL), -1);
    }
}

/* {prefix}{n times 'a'}{suffix}: the longest that fits, and one more. */
static const struct {
    const char *prefix, *suffix;
    int fits;
} lengths[] = {
    {"redis://", ":1", 255},
    {"redis://:", "@h", 255},
    {"redis://", ":pw@h", 127},
    {"unix:///", "", 106}, /* sun_path: 108 with '/' and NUL */
};

Test(redis_url, holds_its_lengths)
{
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        for (int more = -1; more <= 1; more++) {
            char url[600], many[400];
            struct redis_url u;
            struct err err = {0};

            memset(many, 'a', sizeof(many));
            snprintf(url, sizeof(url), "%s%.*s%s", lengths[i].prefix, lengths[i].fits + more,
                     many, lengths[i].suffix);
            cr_expect_eq(redis_url_parse(&u, url, &err), more <= 0 ? 0 : -1, "%s: %s", url,
                         err.msg);
            if (more > 0)
                cr_expect_not_null(strstr(err.msg, "longer than"), "%s", err.msg);
        }
    }
}

Test(redis_url, show_is_cut_not_overrun)
{
    struct redis_url u;
    char shown[12];

    cr_assert_eq(redis_url_parse(&u, "unix:///a/long/path", NULL), 0);
    redis_url_show(&u, shown, sizeof(shown));
    cr_expect_str_eq(shown, "unix:///a/l");
}

/* clang-format off */
static const struct {
    const char *url, *master;
    bool tls;
    size_t count;
    const char *last; /* host:port of the last node */
} forms[] = {
    {"redis://h",                          "",    false, 1, "h:6379"},
    {"rediss://h:1/0",                     "",    true,  1, "h:1"},
    {"RedisS://h,i,[::2]",                 "",    true,  3, "[::2]:6379"},
    {"redis+sentinel://h,i:7/m%2Fx",       "m/x", false, 2, "i:7"},
    {"rediss+sentinel://:pw@h,i,j/m/4",    "m",   true,  3, "j:26379"},
};
/* clang-format on */

Test(redis_url, knows_every_form)
{
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct redis_url u;
        struct err err = {0};
        char node[REDIS_NODE_TEXT_MAX];

        cr_assert_eq(redis_url_parse(&u, forms[i].url, &err), 0, "%s: %s", forms[i].url,
                     err.msg);
        cr_expect_str_eq(u.master, forms[i].master, "%s", forms[i].url);
        cr_expect_eq(u.tls, forms[i].tls, "%s", forms[i].url);
        cr_assert_eq(redis_url_count(&u), forms[i].count, "%s", forms[i].url);
        const struct redis_node last = redis_url_node(&u, forms[i].count - 1);

        redis_node_show(&last, node);
        cr_expect_str_eq(node, forms[i].last, "%s", forms[i].url);
    }
}

Test(redis_url, holds_its_number_of_hosts)
{
    for (int n = REDIS_URL_NODES_MAX - 1; n <= REDIS_URL_NODES_MAX + 1; n++) {
        char url[64] = "redis://h";
        struct redis_url u;
        struct err err = {0};

        for (int i = 1; i < n; i++)
            strncat(url, ",h", sizeof(url) - strlen(url) - 1);
        cr_expect_eq(redis_url_parse(&u, url, &err), n <= REDIS_URL_NODES_MAX ? 0 : -1, "%s",
                     url);
        cr_expect_eq(err.msg[0] != '\0', n > REDIS_URL_NODES_MAX, "%s", err.msg);
    }
}
