/* lua_call.c - runs the fleet's scripts against a private Redis. */
#include "lua_call.h"

#include "base/base.h"
#include "shared/names.h"
#include "tests/sim/server.h"

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#define WORDS_MAX 600

static void add(struct lua *l, size_t *at, const char *text, size_t len)
{
    if (*at + len + 1 > sizeof(l->reply))
        abort();
    memcpy(l->reply + *at, text, len);
    *at += len;
    l->reply[*at] = '\0';
}

static void show_leaf(struct lua *l, size_t *at, const redisReply *r)
{
    char number[32];

    if (r->type == REDIS_REPLY_INTEGER) {
        snprintf(number, sizeof(number), "%lld", r->integer);
        add(l, at, number, strlen(number));
    } else if (r->type == REDIS_REPLY_NIL) {
        add(l, at, "nil", 3);
    } else {
        if (r->type == REDIS_REPLY_ERROR)
            add(l, at, "!", 1);
        add(l, at, r->str, (size_t)r->len);
    }
}

/* Depth-first without recursion: at most four arrays inside each other. */
static void show(struct lua *l, const redisReply *top)
{
    struct {
        const redisReply *r;
        size_t next;
    } stack[4];
    size_t depth = 0, at = 0;
    const redisReply *r = top;

    l->reply[0] = '\0';
    for (;;) {
        if (r->type == REDIS_REPLY_ARRAY) {
            if (depth == ARRAY_LEN(stack))
                abort();
            stack[depth].r = r;
            stack[depth++].next = 0;
            add(l, &at, "(", 1);
        } else {
            show_leaf(l, &at, r);
        }
        while (depth > 0 && stack[depth - 1].next == stack[depth - 1].r->elements) {
            add(l, &at, ")", 1);
            depth--;
        }
        if (depth == 0)
            return;
        if (stack[depth - 1].next > 0)
            add(l, &at, " ", 1);
        r = stack[depth - 1].r->element[stack[depth - 1].next++];
    }
}

static const char *call(struct lua *l, int argc, const char **argv)
{
    redisReply *r;

    if (l->host != NULL && strcmp(argv[0], "EVALSHA") == 0)
        r = server_eval(l->host, argc, argv);
    else if (l->host != NULL)
        r = server_command(l->host, argc, argv);
    else
        r = redisCommandArgv(l->c, argc, argv, NULL);
    if (r == NULL) {
        fprintf(stderr, "lua_call: %s\n", l->c->errstr);
        abort();
    }
    show(l, r);
    freeReplyObject(r);
    return l->reply;
}

static int split(char *text, const char **argv, int argc)
{
    for (char *rest = text, *word; (word = strsep(&rest, " ")) != NULL;) {
        if (argc == WORDS_MAX)
            abort();
        argv[argc++] = strcmp(word, "\"\"") == 0 ? "" : word;
    }
    return argc;
}

const char *lua_do(struct lua *l, const char *command)
{
    char *copy = xstrdup(command);
    const char *argv[WORDS_MAX];

    call(l, split(copy, argv, 0), argv);
    free(copy);
    return l->reply;
}

const char *lua_run(struct lua *l, enum script s, const char *args)
{
    struct names_text meta = names_of("t", NAMES_META);
    char *copy = xstrdup(args);
    const char *argv[WORDS_MAX] = {"EVALSHA", scripts_get(s)->sha1, "1", meta.text};

    call(l, args[0] == '\0' ? 4 : split(copy, argv, 4), argv);
    free(copy);
    return l->reply;
}

void lua_set_now(struct lua *l, int64_t now_ms)
{
    char command[160];

    snprintf(command, sizeof(command), "HSET %s last %lld off 0",
             names_of("t", NAMES_META).text, (long long)now_ms);
    lua_do(l, command);
}

const char *lua_word(const struct lua *l, int i)
{
    static _Thread_local char word[1024];
    const char *at = l->reply + (l->reply[0] == '(');

    for (; i > 0 && at != NULL; i--) {
        at = strchr(at, ' ');
        at = at != NULL ? at + 1 : NULL;
    }
    snprintf(word, sizeof(word), "%.*s", at != NULL ? (int)strcspn(at, " )") : 0,
             at != NULL ? at : "");
    return word;
}

void lua_connect(struct lua *l)
{
    struct timeval limit = {.tv_sec = 5};

    if (l->c != NULL)
        redisFree(l->c);
    l->c = redisConnectUnixWithTimeout(l->server.path, limit);
    if (l->c == NULL || l->c->err != 0)
        abort();
    redisSetTimeout(l->c, limit);
    for (int s = 0; s < N_SCRIPTS; s++) {
        const char *argv[] = {"SCRIPT", "LOAD", scripts_get((enum script)s)->text};

        if (strcmp(call(l, 3, argv), scripts_get((enum script)s)->sha1) != 0) {
            fprintf(stderr, "lua_call: %s: %s\n", scripts_name((enum script)s), l->reply);
            abort();
        }
    }
}

void lua_start(struct lua *l, const char *options)
{
    memset(l, 0, sizeof(*l));
    redis_server_start(&l->server, options);
    lua_connect(l);
}

static void ignore(void *arg, const char *text)
{
    (void)arg, (void)text;
}

void lua_start_host(struct lua *l, int64_t (*clock_us)(void))
{
    memset(l, 0, sizeof(*l));
    l->host = server_new(clock_us);
    l->host->on_publish = ignore;
    l->host->on_trouble = ignore; /* it is in the reply as well */
}

void lua_stop(struct lua *l)
{
    if (l->host != NULL) {
        server_free(l->host);
        return;
    }
    redisFree(l->c);
    redis_server_stop(&l->server);
}
