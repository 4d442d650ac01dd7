/* test_cross_site.c - which requests are a web page's, and which of them may be served. */
#include "router/cross_site.h"

#include <criterion/criterion.h>
#include <string.h>

#define OURS "https://app.example.com"

enum { PRIVATE = 1, FAR = 2, NO_HOST = 4 }; /* the private port; not on a loopback address */

static const struct {
    const char *name;
    const char *origins[3], *hosts[3]; /* http.cors, http.hosts */
    const char *host;
    struct {
        const char *name, *value;
    } fields[3];
    int how, status; /* 0: it may be served */
} rows[] = {
    /* clang-format off */
    {"curl",                             {0}, {0}, "localhost:8080", {{0}}, 0, 0},
    {"a library on an address",          {0}, {0}, "127.0.0.1:8080", {{"User-Agent", "OpenAI/Python"}}, 0, 0},
    {"HTTP/1.0",                         {0}, {0}, NULL, {{0}}, NO_HOST, 0},
    {"an address that was typed",        {0}, {0}, "localhost", {{"Sec-Fetch-Site", "none"}}, 0, 0},

    {"a page of another site",           {0}, {0}, "127.0.0.1", {{"Origin", "https://evil.example"}}, 0, 403},
    {"a page of no origin",              {0}, {0}, "127.0.0.1", {{"Origin", "null"}}, 0, 403},
    {"a page of another port",           {0}, {0}, "localhost:8080", {{"Origin", "http://localhost:3000"}}, 0, 403},
    {"a rebound page",                   {0}, {0}, "evil.example:8080", {{"Origin", "http://evil.example:8080"}}, 0, 403},
    {"one at a port that is not local",  {0}, {0}, "evil.example:8080", {{"Origin", "http://evil.example:8080"}}, FAR, 403},
    {"an Origin without a value",        {0}, {0}, "localhost", {{"Origin", ""}}, 0, 403},
    {"an image's source",                {0}, {0}, "localhost", {{"Sec-Fetch-Site", "cross-site"}}, 0, 403},
    {"the same of a neighbour",          {0}, {0}, "localhost", {{"Sec-Fetch-Site", "same-site"}}, 0, 403},
    {"a word that nobody knows yet",     {0}, {0}, "localhost", {{"Sec-Fetch-Site", "other"}}, 0, 403},

    {"a listed page",                    {OURS}, {0}, "localhost", {{"Origin", OURS}, {"Sec-Fetch-Site", "cross-site"}}, 0, 0},
    {"a second one",                     {"http://a", OURS}, {0}, "localhost", {{"Origin", OURS}}, 0, 0},
    {"whose name begins so",             {OURS}, {0}, "localhost", {{"Origin", OURS ".evil.example"}}, 0, 403},
    {"whose name ends so",               {OURS}, {0}, "localhost", {{"Origin", "https://evil.app.example.com"}}, 0, 403},
    {"over plain http",                  {OURS}, {0}, "localhost", {{"Origin", "http://app.example.com"}}, 0, 403},
    {"at another port",                  {OURS}, {0}, "localhost", {{"Origin", OURS ":8443"}}, 0, 403},
    {"in capitals, as no browser",       {OURS}, {0}, "localhost", {{"Origin", "https://APP.example.com"}}, 0, 403},
    {"two origins, one listed",          {OURS}, {0}, "localhost", {{"Origin", OURS}, {"Origin", "http://b"}}, 0, 403},
    {"a list of origins",                {OURS}, {0}, "localhost", {{"Origin", OURS ", http://b"}}, 0, 403},
    {"a page that does not say which",   {OURS}, {0}, "localhost", {{"Sec-Fetch-Site", "cross-site"}}, 0, 403},
    {"null, listed",                     {"null"}, {0}, "localhost", {{"Origin", "null"}}, 0, 0},
    {"any page, where all may",          {"*"}, {0}, "localhost", {{"Origin", "https://b"}}, 0, 0},
    {"an image's source, where all may", {"*"}, {0}, "localhost", {{"Sec-Fetch-Site", "cross-site"}}, 0, 0},
    {"null, where all may",              {"*"}, {0}, "localhost", {{"Origin", "null"}}, 0, 403},
    {"null, where it is listed as well", {"*", "null"}, {0}, "localhost", {{"Origin", "null"}}, 0, 0},

    {"a rebound page that reads",        {0}, {0}, "evil.example:8080", {{0}}, 0, 421},
    {"through a forwarded port",         {0}, {0}, "evil.example:9999", {{0}}, 0, 421},
    {"a page that may, under its name",  {OURS}, {0}, "app.example.com", {{"Origin", OURS}}, 0, 421},
    {"a name on another address",        {0}, {0}, "sluice.internal", {{0}}, FAR, 0},
    {"an address behind a proxy",        {0}, {0}, "192.168.1.7", {{0}}, 0, 0},
    {"a proxy that passes its name on",  {0}, {"ai.example.com"}, "ai.example.com", {{0}}, 0, 0},
    {"in other letters, with a port",    {0}, {"ai.example.com"}, "AI.Example.com:443", {{0}}, 0, 0},
    {"a name below a listed one",        {0}, {"ai.example.com"}, "x.ai.example.com", {{0}}, 0, 421},
    {"localhost beside listed names",    {0}, {"ai.example.com"}, "localhost:8080", {{0}}, 0, 0},
    {"a list holds everywhere",          {0}, {"ai.example.com"}, "evil.example", {{0}}, FAR, 421},
    {"every name",                       {0}, {"*"}, "evil.example", {{0}}, 0, 0},

    {"the private port, asked by curl",  {0}, {0}, "localhost:9090", {{0}}, PRIVATE, 0},
    {"by a page",                        {0}, {0}, "localhost:9090", {{"Origin", OURS}}, PRIVATE, 403},
    {"by one that may use the other",    {OURS, "*"}, {0}, "localhost:9090", {{"Origin", OURS}}, PRIVATE, 403},
    {"by a rebound one",                 {0}, {0}, "evil.example:9090", {{0}}, PRIVATE, 421},
    /* clang-format on */
};

static struct config_texts list_of(const char *const *text)
{
    struct config_texts t = {(char **)(uintptr_t)text, 0};

    while (t.n < 3 && text[t.n] != NULL)
        t.n++;
    return t;
}

Test(cross_site, what_a_browser_says_of_the_page)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config_texts origins = list_of(rows[i].origins), hosts = list_of(rows[i].hosts);
        struct http_field fields[3];
        struct http_head head = {.host = str_of(rows[i].host), .fields = fields};
        struct http_refusal r = {.status = 0};

        head.to_loopback = (rows[i].how & FAR) == 0;
        for (; head.n_fields < 3 && rows[i].fields[head.n_fields].name != NULL; head.n_fields++)
            fields[head.n_fields] =
                (struct http_field){str_of(rows[i].fields[head.n_fields].name),
                                    str_of(rows[i].fields[head.n_fields].value)};
        bool may =
            cross_site_may((rows[i].how & PRIVATE) != 0 ? NULL : &origins, &hosts, &head, &r);

        cr_expect_eq(may, rows[i].status == 0, "row '%s'", rows[i].name);
        cr_expect_eq(r.status, rows[i].status, "row '%s': %d", rows[i].name, r.status);
        cr_expect(may || strlen(r.message) < sizeof(r.message) - 1,
                  "row '%s': the sentence is cut", rows[i].name);
    }
}
