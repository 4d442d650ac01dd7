/* test_acl.c - the rule allows what is called, all of it is needed, and the page says it.
 */
#include "shared/acl.h"

#include "tests/unit/redis/redis_server.h"
#include "shared/scripts.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMANDS_MAX 64
#define KEY          "{sluice:t}:x"

struct commands {
    char name[COMMANDS_MAX][32];
    size_t n;
};

static void add(struct commands *c, const char *name, size_t len)
{
    for (size_t i = 0; i < c->n; i++)
        if (strlen(c->name[i]) == len && strncasecmp(c->name[i], name, len) == 0)
            return;
    cr_assert(c->n < COMMANDS_MAX && len < sizeof(c->name[0]));
    snprintf(c->name[c->n++], sizeof(c->name[0]), "%.*s", (int)len, name);
}

/* What the link, the store and the CLI send, and what the scripts call. */
static void collect(struct commands *c)
{
    static const char *const ours[] = {"EVAL", "EVALSHA", "SUBSCRIBE", "HGET",
                                       "PING", "XREAD",   "XREVRANGE", "CLIENT|SETNAME"};

    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        add(c, ours[i], strlen(ours[i]));
    size_t before = c->n;

    for (const struct redis_script *t = scripts_table; t->name != NULL; t++)
        for (const char *at = t->text; (at = strstr(at, "call('")) != NULL;) {
            at += strlen("call('");
            add(c, at, strcspn(at, "'"));
        }
    cr_assert_gt(c->n, before + 10, "the scripts call more than that");
}

/* "OK", or why user bob may not run the command on KEY alone. */
static bool is_allowed(const struct redis_server *s, const char *command)
{
    char line[512], name[32];
    const char *sub = strchr(command, '|');
    int n;

    snprintf(name, sizeof(name), "%.*s", (int)strcspn(command, "|"), command);
    redisReply *r = redis_server_command(s, "COMMAND INFO %s", name);

    cr_assert(r->type == REDIS_REPLY_ARRAY && r->elements == 1 &&
                  r->element[0]->type == REDIS_REPLY_ARRAY,
              "%s is no command", command);
    n = abs((int)r->element[0]->element[1]->integer) - 1;
    freeReplyObject(r);
    snprintf(line, sizeof(line), "ACL DRYRUN bob %s", name);
    if (sub != NULL)
        n = 1, strncat(line, " SETNAME", sizeof(line) - strlen(line) - 1);
    for (int i = 0; i < n; i++) {
        bool number = strcasecmp(name, "EVAL") == 0 || strcasecmp(name, "EVALSHA") == 0;

        strncat(line, number && i == 1 ? " 1" : " " KEY, sizeof(line) - strlen(line) - 1);
    }
    if (strcasecmp(name, "XREAD") == 0)
        snprintf(line, sizeof(line), "ACL DRYRUN bob XREAD STREAMS " KEY " 0");
    if (strcasecmp(name, "EVAL") == 0 || strcasecmp(name, "EVALSHA") == 0)
        strncat(line, " " KEY, sizeof(line) - strlen(line) - 1);
    r = redis_server_command(s, line);
    bool ok = r->type == REDIS_REPLY_STATUS && strcmp(r->str, "OK") == 0;

    cr_expect(ok || strstr(r->str, "ermission") != NULL, "%s: %s", line, r->str);
    freeReplyObject(r);
    return ok;
}

static void set_user(const struct redis_server *s, const char *rule)
{
    char line[2 * ACL_MAX];

    snprintf(line, sizeof(line), "ACL SETUSER bob reset on >pw %s", rule);
    redisReply *r = redis_server_command(s, line);

    cr_assert_eq(r->type, REDIS_REPLY_STATUS, "%s: %s", line, r->str);
    freeReplyObject(r);
}

static void without(const char *rule, size_t skip, char *out, char *word)
{
    char copy[ACL_MAX], *rest = copy;
    size_t i = 0;

    snprintf(copy, sizeof(copy), "%s", rule);
    out[0] = '\0';
    for (char *w; (w = strsep(&rest, " ")) != NULL; i++) {
        if (i == skip)
            snprintf(word, ACL_MAX, "%s", w);
        else
            snprintf(out + strlen(out), ACL_MAX - strlen(out), " %s", w);
    }
}

Test(acl, allows_all_and_nothing_of_it_can_go)
{
    struct commands c = {.n = 0};
    struct redis_server s;
    char rule[ACL_MAX], less[ACL_MAX], word[ACL_MAX];
    size_t words = 1;

    collect(&c);
    redis_server_start(&s, "");
    acl_rule("t", rule);
    set_user(&s, rule);
    for (size_t i = 0; i < c.n; i++)
        cr_expect(is_allowed(&s, c.name[i]), "%s", c.name[i]);
    for (const char *at = rule; (at = strchr(at, ' ')) != NULL; at++)
        words++;
    for (size_t skip = 0; skip < words; skip++) {
        size_t refused = 0;

        without(rule, skip, less, word);
        set_user(&s, less);
        for (size_t i = 0; i < c.n; i++)
            refused += is_allowed(&s, c.name[i]) ? 0 : 1;
        cr_expect_gt(refused, 0u, "nothing needs %s", word);
    }
    redis_server_stop(&s);
}

Test(acl, other_fleets_stay_out_of_reach)
{
    static const char *const denied[] = {"HGET {sluice:tt}:x f",
                                         "HGET other f",
                                         "PUBLISH {sluice:u}:push x",
                                         "SUBSCRIBE {sluice:u}:push",
                                         "FLUSHALL",
                                         "CONFIG GET x",
                                         "KEYS *",
                                         "SCRIPT FLUSH",
                                         "CLIENT KILL x",
                                         "GET {sluice:t}:x",
                                         "ACL WHOAMI",
                                         "EVAL x 1 other"};
    struct redis_server s;
    char rule[ACL_MAX];

    redis_server_start(&s, "");
    acl_rule("t", rule);
    set_user(&s, rule);
    for (size_t i = 0; i < ARRAY_LEN(denied); i++) {
        char line[128];

        snprintf(line, sizeof(line), "ACL DRYRUN bob %s", denied[i]);
        redisReply *r = redis_server_command(&s, line);

        cr_expect_not_null(strstr(r->str, "ermission"), "%s: %s", denied[i], r->str);
        freeReplyObject(r);
    }
    redis_server_stop(&s);
}

/* The page writes F for the fleet and breaks lines where it likes. */
Test(acl, the_manual_prints_it)
{
    static char page[1 << 17], plain[1 << 17];
    char rule[ACL_MAX];
    FILE *file = fopen("router/sluice.json.5", "r");
    size_t n = 0;

    cr_assert_not_null(file);
    page[fread(page, 1, sizeof(page) - 1, file)] = '\0';
    fclose(file);
    for (const char *c = page; *c != '\0'; c++) {
        char now = isspace((unsigned char)*c) ? ' ' : *c;

        if (now != ' ' || n == 0 || plain[n - 1] != ' ')
            plain[n++] = now;
    }
    acl_rule("F", rule);
    cr_expect_not_null(strstr(plain, rule), "sluice.json(5) does not say: %s", rule);
}
