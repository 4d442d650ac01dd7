/* exchange.c - one request and its answer; exchange.h has the contract.
 *
 * Who hears of an exchange is forgotten here, before its last word reaches the maker: so no
 * maker can tell a taker of an exchange that it has ended. */
#include "http/exchange.h"

static void end(struct exchange *ex)
{
    ex->taker = NULL;
    ex->taker_arg = NULL;
}

void exchange_init(struct exchange *ex, const struct exchange_ops *ops,
                   const struct http_head *head)
{
    *ex = (struct exchange){.ops = ops, .head = head};
}

void exchange_take(struct exchange *ex, const struct exchange_taker *taker, void *arg)
{
    ex->taker = taker;
    ex->taker_arg = arg;
}

void exchange_reply(struct exchange *ex, int status, const struct http_reply_field *f, size_t n,
                    struct str body)
{
    end(ex);
    ex->ops->reply(ex, status, f, n, body);
}

void exchange_start(struct exchange *ex, int status, const struct http_reply_field *f, size_t n,
                    int64_t content_length)
{
    ex->ops->start(ex, status, f, n, content_length);
}

bool exchange_write(struct exchange *ex, const void *data, size_t len)
{
    return ex->ops->write(ex, data, len);
}

void exchange_finish(struct exchange *ex)
{
    end(ex);
    ex->ops->finish(ex);
}

void exchange_abort(struct exchange *ex)
{
    end(ex);
    ex->ops->abort(ex);
}

void exchange_tell_body(struct exchange *ex, struct str body)
{
    if (ex->taker != NULL && ex->taker->on_body != NULL)
        ex->taker->on_body(ex->taker_arg, ex, body);
}

void exchange_tell_gone(struct exchange *ex)
{
    const struct exchange_taker *taker = ex->taker;
    void *arg = ex->taker_arg;

    end(ex);
    if (taker != NULL && taker->on_gone != NULL)
        taker->on_gone(arg);
}

void exchange_tell_writable(struct exchange *ex)
{
    if (ex->taker != NULL && ex->taker->on_writable != NULL)
        ex->taker->on_writable(ex->taker_arg);
}
