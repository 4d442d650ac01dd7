/* format.c - a command as RESP, into an output buffer with a cap. */
#include "redis/format.h"

#include "redis/tls.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <hiredis/hiredis.h>
#include <stdint.h>
#include <string.h>

#define OVERHEAD 32 /* "$", up to 20 digits, two CRLF, and the array's head spread over all */

int redis_format_send(struct bufferevent *bev, size_t max_bytes, int argc,
                      const char *const *argv, const size_t *lens)
{
    size_t used = evbuffer_get_length(bufferevent_get_output(bev)), room, size = 0;
    char *text = NULL;

    if (argc < 1 || used > max_bytes)
        return -1;
    room = max_bytes - used;
    /* Checked before formatting, because hiredis 0.14 adds up the size in an int. */
    for (int i = 0; i < argc; i++) {
        size_t n = (lens != NULL ? lens[i] : strlen(argv[i]));

        if (room - size < OVERHEAD || n > room - size - OVERHEAD)
            return -1;
        size += n + OVERHEAD;
    }
    long long n = redisFormatCommandArgv(&text, argc, (const char **)(uintptr_t)argv, lens);

    if (n < 0)
        return -1;
    int rc = bufferevent_write(bev, text, (size_t)n);

    explicit_bzero(text, (size_t)n); /* it may be AUTH */
    redisFreeCommand(text);
    return rc;
}

void redis_format_flush(struct bufferevent *bev)
{
    struct evbuffer *out = bufferevent_get_output(bev);

    if (redis_tls_flush(bev))
        return;
    /* A bufferevent keeps the front of its output frozen but for its own writing. */
    evbuffer_unfreeze(out, 1);
    (void)evbuffer_write(out, bufferevent_getfd(bev));
    evbuffer_freeze(out, 1);
}
