/* error.c - what an error reply means for us: its first word, in capitals, is the kind.
 */
#include "redis/error.h"

#include "base/base.h"
#include "base/str.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

#define SLOTS 16384 /* of a Cluster */

/* clang-format off */
static const struct {
    const char *word;
    enum redis_error kind;
} words[] = {
    {"NOSCRIPT",   REDIS_ERROR_NOSCRIPT},
    {"READONLY",   REDIS_ERROR_READONLY},
    {"LOADING",    REDIS_ERROR_LOADING},
    {"BUSY",       REDIS_ERROR_BUSY},
    {"OOM",        REDIS_ERROR_OOM},
    {"NOREPLICAS", REDIS_ERROR_NOREPLICAS},
    {"MISCONF",    REDIS_ERROR_MISCONF},
    {"NOPERM",     REDIS_ERROR_NOPERM},
    {"NOAUTH",     REDIS_ERROR_NOAUTH},
    {"WRONGPASS",  REDIS_ERROR_WRONGPASS},
    {"WRONGTYPE",  REDIS_ERROR_WRONGTYPE},
    {"MOVED",      REDIS_ERROR_MOVED},
    {"ASK",        REDIS_ERROR_ASK},
    {"TRYAGAIN",   REDIS_ERROR_TRYAGAIN},
    {"CLUSTERDOWN", REDIS_ERROR_CLUSTERDOWN},
    {"BADARG",     REDIS_ERROR_BADARG},
};
/* clang-format on */

/* Kinds that Redis hides behind "ERR". */
static const char *const script_denied[] = {
    "ERR The user executing the script can't ", /* 7.0; some later ones say NOPERM */
    "ERR ACL failure in script",                /* 8 */
};
static const char no_compiler[] = "ERR Error compiling script", no_shebang[] = "near '#'";
static const char no_db[] = "cluster mode"; /* "ERR SELECT is not allowed in cluster mode" */

enum redis_error redis_error_of(const struct redisReply *r)
{
    struct str rest, word;

    if (r == NULL || r->type != REDIS_REPLY_ERROR)
        return REDIS_ERROR_NONE;
    for (size_t i = 0; i < ARRAY_LEN(script_denied); i++)
        if (strncmp(r->str, script_denied[i], strlen(script_denied[i])) == 0)
            return REDIS_ERROR_NOPERM;
    if (strncmp(r->str, no_compiler, strlen(no_compiler)) == 0 &&
        strstr(r->str, no_shebang) != NULL)
        return REDIS_ERROR_TOO_OLD;
    word = str_split((struct str){r->str, r->len}, ' ', &rest);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eqz(word, words[i].word))
            return words[i].kind;
    return strstr(r->str, no_db) != NULL ? REDIS_ERROR_NO_DB : REDIS_ERROR_OTHER;
}

bool redis_error_moved(const struct redisReply *r, const struct redis_node *from,
                       struct redis_node *out)
{
    struct str slot, place;
    uint64_t n;

    if (redis_error_of(r) != REDIS_ERROR_MOVED)
        return false;
    (void)str_split((struct str){r->str, r->len}, ' ', &slot);
    if (slot.ptr == NULL)
        return false;
    slot = str_split(slot, ' ', &place);
    if (!str_to_u64(slot, &n) || n >= SLOTS || place.ptr == NULL)
        return false;

    /* The last colon: an IPv6 address has no brackets here. */
    const char *colon = memrchr(place.ptr, ':', place.len);

    if (colon == NULL)
        return false;
    struct str host = {place.ptr, (size_t)(colon - place.ptr)};
    struct str port = {colon + 1, place.len - host.len - 1};

    return redis_node_set(out, host.len > 0 ? host : str_of(from->host), port);
}

const char *redis_error_text(const struct redisReply *r, const char *secret,
                             char out[REDIS_ERROR_TEXT_MAX])
{
    if (r == NULL || r->type != REDIS_REPLY_ERROR ||
        (secret[0] != '\0' && strstr(r->str, secret) != NULL))
        return "an unexpected answer";
    snprintf(out, REDIS_ERROR_TEXT_MAX, "%s", r->str);
    for (char *c = out; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    return out;
}

const char *redis_error_detail(const struct redisReply *r, const char *secret,
                               char out[REDIS_ERROR_TEXT_MAX])
{
    const char *text = redis_error_text(r, secret, out);
    const char *space = text == out ? strchr(text, ' ') : NULL;

    return space != NULL ? space + 1 : text;
}
