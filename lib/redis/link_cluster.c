/* link_cluster.c - a link to a Redis Cluster: which of the nodes has the keys, and who else
 * could say so.
 *
 *   login: HGET key --MOVED--> that node, within the try            (link_try.c)
 *   login: INFO cluster --> cluster_enabled:1
 *   up ----> CLUSTER SHARDS --> l->cluster, asked again every minute or so
 *   down --> where MOVED said, the URL's nodes, those of l->cluster
 *
 * So a URL that names one node needs it only until the first answer.  Only the node that serves
 * the keys is asked: it has taken the login, and shown its certificate where there is TLS.  What
 * it says is worth what its MOVED is worth: either sends the login to the host it names, which
 * under TLS must have a certificate for that name.  The list dies with the link: it is never
 * stored, and each answer replaces the last one.
 *
 * THE NEXT QUESTION IS ASKED BESIDE A COMMAND, when it is time: a link that says nothing else
 * says nothing. */
#include "redis/link_impl.h"

#include "base/clock.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#define LEARN_EVERY_MS 60000 /* half to one and a half times that, so that a fleet spreads */

size_t redis_link_places(const struct redis_link *l)
{
    return redis_url_count(&l->conf.url) + l->cluster.n;
}

struct redis_node redis_link_place(const struct redis_link *l, size_t step, size_t from)
{
    const struct redis_node socket = {.host = ""};
    size_t named = redis_url_count(&l->conf.url);

    if (step >= named)
        return l->cluster.nodes[(from + step - named) % l->cluster.n];
    return l->conf.url.is_unix ? socket : redis_url_node(&l->conf.url, (from + step) % named);
}

/* ---- learning ---- */

static void on_shards(void *arg, const struct redisReply *r, const char *why)
{
    struct redis_link *l = arg;

    (void)why;
    if (r != NULL && !redis_cluster_learn(&l->cluster, r, &l->at, &l->conf.url))
        l->learn_at_ms = INT64_MAX; /* it may not, or cannot: what was known stays */
}

void redis_link_learn(struct redis_link *l)
{
    const char *argv[] = {"CLUSTER", "SHARDS"};

    l->learn_at_ms = INT64_MAX;
    if (!l->in_cluster || !l->serves || l->never_learns)
        return;
    l->learn_at_ms =
        clock_mono_ms() + LEARN_EVERY_MS / 2 + (int64_t)rand_below(&l->rand, LEARN_EVERY_MS);
    if (redis_link_send(l->learner, 2, argv, NULL, on_shards, l) < 0)
        return; /* the output is full: next time */
}

void redis_link_learned_too_much(struct redis_link *l)
{
    if (l->learner->stats.in_flight > 0)
        l->never_learns = true;
}

/* ---- the keys are elsewhere ---- */

bool redis_link_is_elsewhere(enum redis_error kind)
{
    switch (kind) {
    case REDIS_ERROR_CLUSTERDOWN: /* its own view; the majority's may be another */
    case REDIS_ERROR_LOADING:     /* meanwhile a replica may have taken over */
    case REDIS_ERROR_MOVED:       /* to no place that can be dialled */
        return true;
    default:
        return false;
    }
}

bool redis_link_moved(struct redis_link *l, const struct redisReply *r)
{
    char text[REDIS_NODE_TEXT_MAX];
    struct redis_node node;

    if (l->state != LINK_UP || l->subscribed || !redis_error_moved(r, &l->at, &node))
        return false;
    l->told = node;
    l->told_tries = REDIS_LINK_TOLD_TRIES;
    redis_node_show(&node, text);
    redis_link_end_for(l, REDIS_ERROR_MOVED, "the Cluster moved the keys to %s", text);
    return true;
}

void redis_link_heed(struct redis_link *l, const struct redisReply *r)
{
    char text[REDIS_ERROR_TEXT_MAX];

    if (l->in_cluster && redis_link_is_elsewhere(redis_error_of(r)))
        redis_link_end_for(l, redis_error_of(r), "this node of the Cluster serves nothing: %s",
                           redis_error_text(r, l->conf.url.password, text));
}
