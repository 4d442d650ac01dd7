/* error.c - what an error reply means for us: its first word, in capitals, is the kind.
 */
#include "redis/error.h"

#include "base/base.h"
#include "base/str.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

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
};
/* clang-format on */

static const char script_denied[] = "ERR The user executing the script can't ";

enum redis_error redis_error_of(const struct redisReply *r)
{
    struct str rest, word;

    if (r == NULL || r->type != REDIS_REPLY_ERROR)
        return REDIS_ERROR_NONE;
    /* Redis 7.0's word for a user who may not do what a script does; later ones say NOPERM. */
    if (strncmp(r->str, script_denied, strlen(script_denied)) == 0)
        return REDIS_ERROR_NOPERM;
    word = str_split((struct str){r->str, r->len}, ' ', &rest);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eqz(word, words[i].word))
            return words[i].kind;
    return REDIS_ERROR_OTHER;
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
