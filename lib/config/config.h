/* config.h - what one config file says, checked and in the units the code uses.
 *
 * Immutable after loading: a reload makes a new one.  Durations are ms, sizes bytes. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"
#include "policy/breaker.h"
#include "policy/retry.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_MAX_BYTES     (4u << 20) /* the file */
#define CONFIG_NAME_MAX      64         /* region, model alias and fleet names, bytes */
#define CONFIG_REGIONS_MAX   256
#define CONFIG_SLOTS_MAX     4096 /* of one fleet, as many as its scripts know */
#define CONFIG_SLOT_NAME_MAX 130  /* "region/model", bytes */

struct config_breaker { /* when a slot is kept from traffic, and how it returns */
    struct breaker_conf rule;
    char *trip_confirm;       /* "none", "second_opinion" or "quorum:N" */
    int64_t slow_ms;          /* slow_threshold: 10 s; 0: nothing counts as slow */
    int64_t recovery_ramp_ms; /* 10 s; 0: none */
    int64_t probe_lease_ms;   /* 10 s, renewed while the probe runs */
};

/* Limits of one attempt, but for total_ms.  What a region has no own of is the config's; a
 * model's connect_ms is unused, and so is a region's total_ms. */
struct config_timeouts {
    int64_t connect_ms, first_byte_ms, first_content_ms, idle_ms, answer_ms, total_ms;
};

/* Who may have signed the certificate of a server that gets a key.  PEM files; both NULL: the
 * system's authorities.  One of them at most. */
struct config_trust {
    char *ca_file;       /* these authorities and no others */
    char *extra_ca_file; /* these and the system's */
};

#define CONFIG_HEADERS_MAX 16

struct config_header {
    char *name, *value; /* a field's; the value is a secret */
};

#define CONFIG_LENIENT_NO_FINISH_REASON 1u /* bits of lenient, in the order of its words */

struct config_region {
    char *name;     /* [A-Za-z0-9][A-Za-z0-9._-]* */
    char *base_url; /* http(s)://host[:port]/path, no trailing slash, no credentials in it */
    char *api_key;  /* "" when the region wants none */
    char *api_key_file; /* where api_key was read; NULL: the config says it */
    char *auth_header;  /* "Authorization" (sent as "Bearer KEY") or the field that carries the
                          bare slot */
    char *x_region;     /* sent as X-Region; "" for none */
    char *health_path;  /* NULL: health.path */
    struct config_trust trust;     /* its own; config_trust_of() has what holds */
    char *proxy;                   /* between us and it, with its credentials; NULL: none */
    struct config_header *headers; /* sent with each request there */
    size_t n_headers;
    int priority;                  /* smaller first; default 1 */
    unsigned lenient;              /* oddities that are taken for what they mean */
    struct config_breaker breaker; /* the config's, where it has no own */
    struct config_timeouts timeouts;
    size_t first_slot, n_slots; /* of config.slots: its models', with breaker.scope model */
};

/* What the fleet keeps a breaker for, and an operator can name.  The regions come first, in
 * their order, whatever the scope: the operator's word on a region, its quota and its checks
 * are about all of its models. */
struct config_slot {
    char *name; /* the region's, or "region/model" */
    size_t region;
};

struct config_target {
    size_t region;          /* index into regions */
    char *model;            /* the name used there; NULL: the client's model name as it is */
    size_t slot;            /* index into slots */
    int priority;           /* default: its region's */
    int64_t context_window; /* tokens; 0: unknown (default: the model's) */
    struct config_timeouts
        timeouts; /* of an attempt there: the model's own, else the region's */
};

struct config_model {
    char *name;
    struct config_target *targets;
    size_t n_targets;
    size_t *fallbacks; /* indexes into models, in order */
    size_t n_fallbacks;
    int64_t context_window;
    struct config_timeouts timeouts; /* its own; -1: none */
};

struct config_redis {
    bool enabled;                         /* a `redis` section with a url */
    char *url;                            /* redis/url.h has its forms */
    char *subscribe_url;                  /* NULL: url */
    int64_t command_timeout_ms;           /* 50 */
    int64_t connect_timeout_ms;           /* 1000 */
    int64_t sync_ms;                      /* 1000 */
    int64_t start_wait_ms;                /* 1000 */
    char *ca_file, *cert_file, *key_file; /* of rediss://; NULL: the system's, none, none */
};

#define CONFIG_TEXT_MAX 320 /* of one string in a list, bytes */

struct config_texts { /* a list of strings */
    char **text;
    size_t n;
};

#define CONFIG_MEMORY_MIN_BYTES ((size_t)64 << 20) /* of http.memory, which a worker needs */

struct config_http {            /* the client side: every bound of router/http_*.c */
    size_t head_max_bytes;      /* 32 KiB: request line and fields */
    size_t target_max_bytes;    /* 8 KiB */
    size_t fields_max;          /* 100 */
    size_t body_max_bytes;      /* 32 MiB */
    size_t memory_bytes;        /* of a worker, for what peers fill; 0: of what there is */
    size_t json_depth_max;      /* 64 */
    size_t chunk_ext_max_bytes; /* 256 per chunk */
    size_t output_max_bytes;    /* 256 KiB held per connection before the source pauses */
    int connections_max;        /* 10000 per worker */
    int keepalive_requests;     /* 1000 per connection */
    int64_t header_timeout_ms;  /* 10 s, total */
    int64_t body_timeout_ms;    /* 60 s, total */
    int64_t idle_timeout_ms;    /* 75 s between requests */
    int64_t write_timeout_ms;   /* 30 s without progress */
    struct config_texts cors;   /* origins whose pages may ask; "*": all; default none */
    struct config_texts hosts;  /* what Host may name beside localhost; "*": anything */
};

struct config_upstream {
    int pool_connections;         /* 100 idle connections kept */
    int max_connections;          /* 0: no cap */
    int max_connections_per_host; /* 0: no cap */
    int64_t dns_cache_ms;         /* 300 s */
    int64_t keepalive_ms;         /* 30 s: an idle connection older than this is not reused */
    size_t answer_max_bytes;      /* 16 MiB: a plain answer is held up to this */
    struct config_trust trust;    /* of regions that have none of their own */
};

#define CONFIG_HEDGE_OFF     (-1)
#define CONFIG_HEDGE_P95     (-2)
#define CONFIG_HEDGE_SILENCE (-3)

struct config_hedge {
    char *after;   /* a word or a duration: config_hedge_after_ms() reads it */
    int max_share; /* percent of requests that may hedge */
};

enum config_recover { CONFIG_RECOVER_OFF, CONFIG_RECOVER_AUTO, CONFIG_RECOVER_ALWAYS };

struct config_stream {
    enum config_recover recover;
    int64_t commit_ms;      /* silence after which the head goes out with keep-alive comments */
    int64_t heartbeat_ms;   /* between those comments; 0: none */
    size_t event_max_bytes; /* 16 MiB: one event */
    bool usage;             /* ask the vendor for usage in streams, for our own accounting */
};

struct config_health {   /* checks from outside, without a request */
    int64_t interval_ms; /* 10 s; 0: none */
    int64_t timeout_ms;  /* 5 s */
    char *method, *path; /* "GET", "/models" below a region's base_url */
    int status;          /* the one that is expected; 0: any 2xx */
};

struct config {
    char *path;                          /* where it was read; for messages */
    char *fleet, *listen, *admin_listen; /* admin_listen "" : none */
    struct config_redis redis;
    char *state_file; /* NULL: none; each worker appends -SLOT */
    struct config_region *regions;
    size_t n_regions;
    struct config_model *models;
    size_t n_models; /* 0: every model goes to every region by priority, unchanged */
    struct config_slot *slots;
    size_t n_slots;
    struct config_breaker breaker; /* of regions that have no own */
    bool scope_model;              /* breaker.scope: a breaker per region and model */
    bool last_resort;              /* breaker.last_resort: "try" (default) or "off" */
    struct config_health health;
    struct retry_conf retry;
    struct config_timeouts timeouts;
    struct config_stream stream;
    struct config_hedge hedge;
    int retry_budget; /* percent of requests that may be retried; 0: no bound */
    struct config_http http;
    struct config_upstream upstream;
    int64_t drain_delay_ms, drain_timeout_ms;
    int workers;
    int requests_max; /* http.max_requests: in flight per worker; 4000 */
    char *log_level;
    bool is_of_text; /* config_read() made it: api_key, api_key_file, proxy and headers stand as
 written */
    char *oddities;  /* of the text, a line each; NULL: none.  config_warn() says them */
    char digest[17]; /* of the values, secrets included by hash: tells two configs apart */
};

/* Caller owns the result and calls config_free(); NULL when err is set: file, path in the JSON
 * and expectation.  Refuses whatever a router could not start with, the files that it names
 * included: a start, a reload and a check of the file all call this. */
struct config *config_load(const char *path, struct err *err);
/* The same as far as the text alone says it, for a host that serves nothing: what is said to
 * regions in secret stays as it is written, so that neither their keys nor the variables that hold
 * them are needed. */
struct config *config_read(const char *path, struct err *err);
/* The same from text; name stands for the file in messages. */
struct config *config_parse(const char *name, struct str text, struct err *err);
void config_free(struct config *c);

/* hedge.after in ms, or one of CONFIG_HEDGE_. */
int64_t config_hedge_after_ms(const struct config *c);

/* Whom region's certificate is held against: its own, else the config's. */
const struct config_trust *config_trust_of(const struct config *c, size_t region);

/* The name that target t of model m is asked for. */
const char *config_sent_model(const struct config_model *m, const struct config_target *t);

/* The model a client named: index into models, or -1. */
int config_find_model(const struct config *c, struct str name);
int config_find_region(const struct config *c, struct str name);

/* Does the list hold s, letter case aside? */
bool config_texts_has(const struct config_texts *t, struct str s);

#endif
