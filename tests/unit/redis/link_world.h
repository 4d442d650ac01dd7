/* link_world.h - a link, an event loop, and what the link told its owner. */
#ifndef TESTS_UNIT_REDIS_LINK_WORLD_H
#define TESTS_UNIT_REDIS_LINK_WORLD_H

#include "redis/link.h"

#include <stdbool.h>

struct event_base;

struct world {
    struct event_base *base;
    struct redis_link *link;
    struct redis_owner *owner;
    struct redis_owner_conf owner_conf;    /* before world_link: what a test is about */
    int ups, downs, pushes, replies, lost; /* lost: callbacks without a reply */
    enum redis_error cause;                /* of the last on_down */
    char why[256];                         /* the same */
    char lost_why[256];                    /* of the last lost command */
    char said[1024]; /* the last replies' or pushes' text, one word each */
    char order[64];  /* u d p r l: the events in order */
    bool (*until)(const struct world *w);
    bool inside;  /* a call of ours runs: no callback may come now */
    char free_at; /* free the link inside this kind of event */
    void (*on_up)(struct world *w);
};

void world_init(struct world *w);
void world_release(struct world *w);
/* conf with short deadlines and the url; a test changes what it is about. */
struct redis_link_conf world_conf(const char *url);
void world_link(struct world *w, const struct redis_link_conf *conf); /* made and started */
/* Runs the loop until the condition holds; fails the test after 30 s. */
void world_wait(struct world *w, bool (*until)(const struct world *w));
/* Runs the loop for ms: to see that something does not happen. */
void world_idle(struct world *w, int ms);
/* redis_link_send of the words of text; its reply goes to replies or lost. */
int world_send(struct world *w, const char *text);
redis_reply_cb world_on_reply; /* with the world as arg */

bool world_is_up(const struct world *w);
bool world_is_down(const struct world *w);
bool world_has_reply(const struct world *w); /* as many as were sent */
bool world_has_lost(const struct world *w);
bool world_has_push(const struct world *w);

#endif
