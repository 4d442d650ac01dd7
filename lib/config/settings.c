/* settings.c - every setting of the config; settings.h says what a row means.
 *
 * A new setting is a field in config.h and a row here.  Settings of one section stand together:
 * the dump and the schema open a section when its first row comes and close it after the last.
 */
#include "config/settings.h"

#include "base/json_scan.h"
#include "base/units.h"
#include "config/config.h"

#include <stdio.h>
#include <string.h>

#define SECONDS(n) ((n)*INT64_C(1000))
#define MINUTES(n) ((n)*INT64_C(60000))
#define HOURS(n)   ((n)*INT64_C(3600000))
#define KIB(n)     ((n)*INT64_C(1024))
#define MIB(n)     ((n)*INT64_C(1048576))
#define TOKENS_MAX 1000000000

static const char *const recover_words[] = {
    [CONFIG_RECOVER_OFF] = "off",
    [CONFIG_RECOVER_AUTO] = "auto",
    [CONFIG_RECOVER_ALWAYS] = "always",
    NULL,
};
static const char *const lenient_words[] = {"no_finish_reason", NULL};
static const char *const off_on_words[] = {"off", "on", NULL};
static const char *const scope_words[] = {"region", "model", NULL};
static const char *const last_resort_words[] = {"off", "try", NULL};
static const char *const method_words[] = {"GET", "HEAD", NULL};
static const char *const level_words[] = {"error", "warn", "info", "debug", NULL};

/* clang-format off */
/* What a region may have of its own.  AT, DEF and INHERITS are the table's. */
#define BREAKER_ROWS \
    {"breaker.failure_threshold", SETTING_INT, AT(breaker.rule.failure_threshold), 1, 1000, DEF("5"), .inherits = INHERITS, \
     .help = "Failures in a row, counted over the fleet, that open a region's breaker."}, \
    {"breaker.failure_rate", SETTING_PERCENT, AT(breaker.rule.failure_rate), 0, 100, DEF("50"), .inherits = INHERITS, \
     .help = "Percent of failures in the window that opens the breaker. 0 switches the rule off."}, \
    {"breaker.minimum_requests", SETTING_INT, AT(breaker.rule.minimum_requests), 1, 1000000, DEF("20"), .inherits = INHERITS, \
     .help = "Attempts in the window before a rate may open the breaker."}, \
    {"breaker.window", SETTING_DURATION, AT(breaker.rule.window_ms), SECONDS(1), HOURS(1), DEF("10s"), .inherits = INHERITS, \
     .help = "Length of the window that rates are taken over."}, \
    {"breaker.recovery_timeout", SETTING_DURATION, AT(breaker.rule.recovery_ms), 100, HOURS(1), DEF("5s"), .inherits = INHERITS, \
     .help = "Time an opened breaker waits before a probe; it doubles with every failed recovery."}, \
    {"breaker.recovery_timeout_max", SETTING_DURATION, AT(breaker.rule.recovery_max_ms), 100, HOURS(24), DEF("30s"), .inherits = INHERITS, \
     .help = "Cap of the doubled waiting time; where it is not given, at least recovery_timeout."}, \
    {"breaker.forgive", SETTING_DURATION, AT(breaker.rule.forgive_ms), SECONDS(1), HOURS(24), DEF("60s"), .inherits = INHERITS, \
     .help = "Each clean period of this length takes one doubling back."}, \
    {"breaker.half_open_max_calls", SETTING_INT, AT(breaker.rule.half_open_max_calls), 1, BREAKER_LEASES_MAX, DEF("3"), .inherits = INHERITS, \
     .help = "Probe requests that may run at once in the whole fleet while half-open."}, \
    {"breaker.success_threshold", SETTING_INT, AT(breaker.rule.success_threshold), 1, 1000, DEF("2"), .inherits = INHERITS, \
     .help = "Successful probes that close the breaker."}, \
    {"breaker.recovery_ramp", SETTING_DURATION, AT(breaker.recovery_ramp_ms), 0, HOURS(1), DEF("10s"), .inherits = INHERITS, \
     .help = "After closing, the share of requests that may choose the region grows from 10% to all of them over this time, while others are usable. A router for which 15% of its attempts in the window or more fail there halves that share, down to 10%, and gives it back as fast. 0s for all at once, and no halving."}, \
    {"breaker.slow_rate", SETTING_PERCENT, AT(breaker.rule.slow_rate), 0, 100, DEF("0"), .inherits = INHERITS, \
     .help = "Percent of slow attempts in the window that opens the breaker. 0 switches the rule off."}, \
    {"breaker.slow_threshold", SETTING_DURATION, AT(breaker.slow_ms), 0, HOURS(1), DEF("10s"), .inherits = INHERITS, \
     .help = "An attempt that takes longer counts as slow: a stream until its first content, a plain answer in whole. 0s counts none."}, \
    {"breaker.trip_confirm", SETTING_STRING, AT(breaker.trip_confirm), 4, 14, DEF("second_opinion"), .inherits = INHERITS, .form = FORM_CONFIRM, \
     .help = "Who has to agree before failures, slow answers or a failed probe keep a region from the fleet; each router's own breaker keeps it from that router in any case. second_opinion: it opens at once, and when a router without a part in it could use it within 10s, the probes of such routers decide at once too. quorum:N: it opens when N routers have a part in it. none: whoever sees it."}, \
    {"breaker.probe_lease", SETTING_DURATION, AT(breaker.probe_lease_ms), SECONDS(1), MINUTES(10), DEF("10s"), .inherits = INHERITS, \
     .help = "How long a probe's slot is held without renewal; a router that dies frees its slots after it."},

/* The same of a region, and the second of a model.  TIMEOUTS_OF and IS_LIMIT are the table's, too. */
#define CONNECT_ROW \
    {"timeouts.connect", SETTING_DURATION, AT(timeouts.connect_ms), 10, MINUTES(5), DEF("5s"), .inherits = TIMEOUTS_OF, \
     .help = "Connecting to a region, TLS included.", .limit = IS_LIMIT},
#define SILENCE_ROWS \
    {"timeouts.first_byte", SETTING_DURATION, AT(timeouts.first_byte_ms), 10, HOURS(1), DEF("120s"), .inherits = TIMEOUTS_OF, \
     .help = "Streams: from the sent request to the first byte of the answer.", .limit = IS_LIMIT}, \
    {"timeouts.first_content", SETTING_DURATION, AT(timeouts.first_content_ms), 10, HOURS(1), DEF("120s"), .inherits = TIMEOUTS_OF, \
     .help = "Streams: from the first byte to the first event with content. Comments and empty events are none.", .limit = IS_LIMIT}, \
    {"timeouts.idle", SETTING_DURATION, AT(timeouts.idle_ms), 10, HOURS(1), DEF("30s"), .inherits = TIMEOUTS_OF, \
     .help = "Streams: between two events that carry something, once there was content. Comments and empty events carry nothing. A stream whose finish reasons have come ends within 2s, whatever is still missing.", .limit = IS_LIMIT}, \
    {"timeouts.answer", SETTING_DURATION, AT(timeouts.answer_ms), 0, HOURS(24), DEF("120s"), .inherits = TIMEOUTS_OF, \
     .help = "Plain answers: silence before the answer or within it, after which another target is asked. While none is left, and with 0s, the answer is waited for until timeouts.total.", .limit = IS_LIMIT},

#define AT(field)   offsetof(struct config, field)
#define DEF(text)   text
#define INHERITS    NULL
#define TIMEOUTS_OF NULL
#define IS_LIMIT    true
static const struct setting top[] = {
    {"fleet", SETTING_STRING, AT(fleet), 1, CONFIG_NAME_MAX, "default",
     .help = "Name of the fleet: routers that share one Redis and one fleet name share their state.", .form = FORM_NAME},
    {"listen", SETTING_STRING, AT(listen), 1, 260, "127.0.0.1:8080",
     .help = "Address for clients.", .form = FORM_LISTEN, .fixed = true},
    {"admin_listen", SETTING_STRING, AT(admin_listen), 0, 260, "127.0.0.1:9090",
     .help = "Private address for health, metrics and state. Empty for none.", .form = FORM_LISTEN, .fixed = true},

    {"redis.url", SETTING_STRING, AT(redis.url), 1, 1024, "redis://127.0.0.1:6379/0",
     .help = "Where the shared state lives. Without a redis section the router runs alone.", .form = FORM_REDIS_URL, .secret = true},
    {"redis.subscribe_url", SETTING_STRING, AT(redis.subscribe_url), 0, 1024, "",
     .help = "Where to listen for news instead: replicas, so that the primary of a large fleet need not write to every router. While one is away or late its routers listen at redis.url. Empty for there always.",
     .form = FORM_REDIS_URL, .secret = true, .empty_is_null = true},
    {"redis.command_timeout", SETTING_DURATION, AT(redis.command_timeout_ms), 1, SECONDS(60), "50ms",
     .help = "Deadline of one Redis command; five late ones in a row and Redis counts as away."},
    {"redis.connect_timeout", SETTING_DURATION, AT(redis.connect_timeout_ms), 1, MINUTES(5), "1s",
     .help = "Deadline for connecting to Redis."},
    {"redis.ca_file", SETTING_STRING, AT(redis.ca_file), 0, 4096, "",
     .help = "PEM file of the authorities that rediss:// trusts. Empty for the system's.",
     .form = FORM_TEXT, .empty_is_null = true},
    {"redis.cert_file", SETTING_STRING, AT(redis.cert_file), 0, 4096, "",
     .help = "PEM certificate to show a Redis that asks for one (tls-auth-clients). Empty for none.",
     .form = FORM_TEXT, .empty_is_null = true},
    {"redis.key_file", SETTING_STRING, AT(redis.key_file), 0, 4096, "",
     .help = "PEM key of redis.cert_file, without a passphrase.",
     .form = FORM_TEXT, .empty_is_null = true},
    {"redis.sync", SETTING_DURATION, AT(redis.sync_ms), 100, SECONDS(60), "1s",
     .help = "Time between two full comparisons with Redis; changes are pushed in between."},
    {"redis.start_wait", SETTING_DURATION, AT(redis.start_wait_ms), 0, SECONDS(5), "1s",
     .help = "A starting worker serves when it has read what the fleet knows, or after this time. With a state_file that was read it does not wait for a Redis that cannot be reached."},

    {"state_file", SETTING_STRING, AT(state_file), 0, 4000, "",
     .help = "File that keeps the fleet's last view for a start while Redis is away: forced states for a day, open breakers for ten minutes. Each worker adds - and its number to the name. Empty for none.",
     .form = FORM_TEXT, .own = true, .empty_is_null = true},

    {"regions", SETTING_REGIONS, 0, 1, CONFIG_REGIONS_MAX, NULL,
     .help = "Places that answer requests."},
    {"models", SETTING_MODELS, 0, 0, 1024, NULL,
     .help = "Model names that clients may use. Without it every model goes to every region by priority, unchanged.",
     .inherits = "none"},

    {"breaker.scope", SETTING_SWITCH, AT(scope_model), 0, 0, "region",
     .help = "What has a breaker of its own, and cools by itself when throttled: each region, or each model that a region serves (model), which needs models.",
     .words = scope_words},
    BREAKER_ROWS
    {"breaker.last_resort", SETTING_SWITCH, AT(last_resort), 0, 0, "try",
     .help = "What to do when no usable region is left: try the one that returns earliest, or answer 503 (off). Two requests per router try at a time, one more for each that goes well; others wait for them for up to a second.",
     .words = last_resort_words},

    {"health.interval", SETTING_DURATION, AT(health.interval_ms), 0, MINUTES(5), "10s",
     .help = "Time between two checks of a region by one router of the whole fleet, at least 100ms. They also probe an open region that no request asks for. 0s switches them off."},
    {"health.timeout", SETTING_DURATION, AT(health.timeout_ms), 10, MINUTES(5), "5s",
     .help = "Deadline of one check.", .limit = true},
    {"health.method", SETTING_WORD, AT(health.method), 0, 0, "GET",
     .help = "Method of a check.", .words = method_words},
    {"health.path", SETTING_STRING, AT(health.path), 1, 2048, "/models",
     .help = "Path that is checked, below the region's base_url; one that nobody bills.", .form = FORM_PATH},
    {"health.status", SETTING_INT, AT(health.status), 0, 599, "0",
     .help = "Status that a healthy region answers a check with. 0 for any 2xx."},

    {"retry.num_retries", SETTING_INT, AT(retry.num_retries), 0, 20, "2",
     .help = "Further attempts per request, over all targets and fallbacks."},
    {"retry.backoff", SETTING_DURATION, AT(retry.backoff_ms), 0, MINUTES(1), "100ms",
     .help = "Base of the exponential back-off with full jitter, before the same target is asked "
             "again. Another one is asked at once."},
    {"retry.backoff_max", SETTING_DURATION, AT(retry.backoff_max_ms), 0, MINUTES(10), "5s",
     .help = "Cap of the back-off."},
    {"retry.wait", SETTING_DURATION, AT(retry.wait_ms), 0, MINUTES(10), "0s",
     .help = "A stated Retry-After up to this long is waited out. 0s never waits."},
    {"retry.budget", SETTING_PERCENT, AT(retry_budget), 0, 100, "20",
     .help = "Share of requests that may be tried again where the last attempt failed too, so that an outage does not double the load; a target whose last attempt went well is asked all the same. 0 lifts the bound."},

    CONNECT_ROW
    SILENCE_ROWS
    {"timeouts.total", SETTING_DURATION, AT(timeouts.total_ms), 10, HOURS(24), "300s",
     .help = "A whole request with all its attempts.", .limit = true},

    {"stream.recover", SETTING_CHOICE, AT(stream.recover), 0, 0, "always",
     .help = "Run a cut stream again elsewhere, and go on from there if it agrees with what was delivered: never, for requests that ask for determinism (auto), or always.",
     .words = recover_words},
    {"stream.commit", SETTING_DURATION, AT(stream.commit_ms), 100, HOURS(1), "10s",
     .help = "Silence after which the answer's head is sent; errors are in-band from then on."},
    {"stream.heartbeat", SETTING_DURATION, AT(stream.heartbeat_ms), 0, HOURS(1), "15s",
     .help = "Time between keep-alive comments in a silent stream, at least 100ms. 0s sends none."},
    {"stream.event_max", SETTING_SIZE, AT(stream.event_max_bytes), KIB(1), MIB(64), "16MiB",
     .help = "Largest single event; held until it is whole. A larger one ends its stream as event_too_large, which is no evidence against the region.", .limit = true},
    {"stream.usage", SETTING_SWITCH, AT(stream.usage), 0, 0, "off",
     .help = "Ask vendors for the usage block of every stream, for the router's own accounting; clients that did not ask for it do not see it.",
     .words = off_on_words},

    {"hedge.after", SETTING_STRING, AT(hedge.after), 2, 32, "silence", .form = FORM_HEDGE,
     .help = "When a second target is asked beside a first that has shown no content. silence: after four times what 95 % of the region's last answers took, at least 5s (10s while nothing is known of it); after a fourth of that, at least 2s, for a request that probes an open region, or waits at one that has failed others and since then answers nobody. A region that is overtaken so has failed. p95 or a duration asks earlier, within hedge.max_share. off never."},
    {"hedge.max_share", SETTING_PERCENT, AT(hedge.max_share), 1, 100, "5",
     .help = "Share of requests that may ask a second target so. Probes and a region that has been silent to everybody do not count."},

    {"http.max_head_bytes", SETTING_SIZE, AT(http.head_max_bytes), KIB(1), MIB(1), "32KiB",
     .help = "Request line and header fields together.", .limit = true},
    {"http.max_target_bytes", SETTING_SIZE, AT(http.target_max_bytes), 64, KIB(64), "8KiB",
     .help = "Request target.", .limit = true},
    {"http.max_fields", SETTING_COUNT, AT(http.fields_max), 1, 128, "100",
     .help = "Header fields of a request.", .limit = true},
    {"http.max_body_bytes", SETTING_SIZE, AT(http.body_max_bytes), 1, MIB(1024), "32MiB",
     .help = "Request body.", .limit = true},
    {"http.memory", SETTING_SIZE, AT(http.memory_bytes), 0, MIB(1024 * 1024), "0B",
     .help = "What one worker may hold in memory. Beyond it new bodies are refused, and clients that hold most and do not move are given up. At least 64MiB, or 0 for a quarter of what the machine or the container has, shared where there are more than two workers.", .limit = true},
    {"http.max_json_depth", SETTING_COUNT, AT(http.json_depth_max), 1, JSON_SCAN_DEPTH_MAX, "64",
     .help = "Nested brackets in a request body.", .limit = true},
    {"http.max_chunk_ext_bytes", SETTING_SIZE, AT(http.chunk_ext_max_bytes), 0, KIB(64), "256B",
     .help = "Extensions of one chunk.", .limit = true},
    {"http.max_output_bytes", SETTING_SIZE, AT(http.output_max_bytes), KIB(4), MIB(64), "256KiB",
     .help = "Bytes held for a slow client before the region is paused.", .limit = true},
    {"http.max_connections", SETTING_INT, AT(http.connections_max), 1, 1000000, "10000",
     .help = "Client connections per worker.", .limit = true},
    {"http.max_requests", SETTING_INT, AT(requests_max), 1, 1000000, "4000",
     .help = "Requests in flight per worker.", .limit = true},
    {"http.keepalive_requests", SETTING_INT, AT(http.keepalive_requests), 1, 1000000000, "1000",
     .help = "Requests on one connection.", .limit = true},
    {"http.header_timeout", SETTING_DURATION, AT(http.header_timeout_ms), 100, MINUTES(10), "10s",
     .help = "Receiving a request's head, in total.", .limit = true},
    {"http.body_timeout", SETTING_DURATION, AT(http.body_timeout_ms), 100, HOURS(1), "60s",
     .help = "Receiving a request's body, in total.", .limit = true},
    {"http.idle_timeout", SETTING_DURATION, AT(http.idle_timeout_ms), 100, HOURS(24), "75s",
     .help = "Between two requests on one connection.", .limit = true},
    {"http.write_timeout", SETTING_DURATION, AT(http.write_timeout_ms), 100, HOURS(1), "30s",
     .help = "A client that takes no byte for this long is dropped.", .limit = true},

    {"http.cors", SETTING_TEXTS, AT(http.cors), 0, 64, NULL, .form = FORM_ORIGIN, .inherits = "none",
     .help = "Origins of web pages that may use the client port, such as \"https://app.example.com\". Requests of all other pages are refused, those of a page that reached the router by its own name included. \"*\" lets every page on the web use it."},
    {"http.hosts", SETTING_TEXTS, AT(http.hosts), 0, 64, NULL, .form = FORM_HOST, .inherits = "none", .own = true,
     .help = "Names that Host may have, on both ports, beside localhost and IP addresses. Without any, only what comes to a loopback address is held to it, where a proxy in front may pass the name on that the world uses. \"*\" takes every name."},

    {"upstream.pool_connections", SETTING_INT, AT(upstream.pool_connections), 1, 100000, "100",
     .help = "Idle connections to regions kept open.", .limit = true},
    {"upstream.max_connections", SETTING_INT, AT(upstream.max_connections), 0, 100000, "0",
     .help = "Connections to all regions together. 0 for no cap.", .limit = true},
    {"upstream.max_connections_per_host", SETTING_INT, AT(upstream.max_connections_per_host), 0, 100000, "0",
     .help = "Connections to one host. 0 for no cap.", .limit = true},
    {"upstream.dns_cache", SETTING_DURATION, AT(upstream.dns_cache_ms), 0, HOURS(24), "300s",
     .help = "How long a resolved address is used. One that cannot be connected to is looked up again for the next attempt."},
    {"upstream.keepalive", SETTING_DURATION, AT(upstream.keepalive_ms), SECONDS(1), HOURS(1), "30s",
     .help = "An idle connection older than this is not used again."},
    {"upstream.max_answer_bytes", SETTING_SIZE, AT(upstream.answer_max_bytes), KIB(1), MIB(1024), "16MiB",
     .help = "A plain answer, which is held until it is complete.", .limit = true},
    {"upstream.ca_file", SETTING_STRING, AT(upstream.trust.ca_file), 0, 4096, "",
     .help = "PEM file of the certificate authorities that regions are checked against, in place of the system's. Empty for the system's.",
     .form = FORM_TEXT, .empty_is_null = true},
    {"upstream.extra_ca_file", SETTING_STRING, AT(upstream.trust.extra_ca_file), 0, 4096, "",
     .help = "The same beside the system's: whoever either of them signed is trusted. Not together with ca_file.",
     .form = FORM_TEXT, .empty_is_null = true},

    {"log.level", SETTING_WORD, AT(log_level), 0, 0, "info",
     .help = "Lines below this level are not written.", .words = level_words},
    {"drain_delay", SETTING_DURATION, AT(drain_delay_ms), 0, HOURS(1), "0s",
     .help = "How long a router that is told to stop serves on while /readyz says that it is draining, so that balancers take it out before its port closes. Then drain_timeout begins.", .limit = true},
    {"drain_timeout", SETTING_DURATION, AT(drain_timeout_ms), 0, HOURS(24), "600s",
     .help = "How long a stopping worker lets its requests finish, streams included.", .limit = true},
    {"workers", SETTING_INT, AT(workers), 1, 256, "1",
     .help = "Worker processes; each is a router of its own in the fleet.", .fixed = true},
};
#undef AT
#undef DEF
#undef INHERITS
#undef TIMEOUTS_OF
#undef IS_LIMIT

#define AT(field)   offsetof(struct config_region, field)
#define DEF(text)   NULL
#define INHERITS    "the config's breaker"
#define TIMEOUTS_OF "the config's timeouts"
#define IS_LIMIT    false /* a limit's default stands in the file's own table */
static const struct setting region[] = {
    {"name", SETTING_STRING, AT(name), 1, CONFIG_NAME_MAX, NULL,
     .help = "Name of the region, unique.", .form = FORM_NAME},
    {"base_url", SETTING_STRING, AT(base_url), 1, 2048, NULL,
     .help = "URL that the API's paths are appended to, such as \"https://api.example.com/v1\".",
     .form = FORM_BASE_URL},
    {"api_key", SETTING_STRING, AT(api_key), 0, 4096, "",
     .help = "Credential for this region and nobody else. Empty when it wants none.", .form = FORM_KEY, .secret = true, .vendor = true},
    {"api_key_file", SETTING_STRING, AT(api_key_file), 1, 4096, NULL, .inherits = "none",
     .help = "File that holds api_key instead, on one line; it is read at the start and at each reload. A relative path starts in the folder of the config.",
     .form = FORM_TEXT, .own = true, .vendor = true},
    {"auth_header", SETTING_STRING, AT(auth_header), 1, 128, "Authorization",
     .help = "Header field that carries the key: Authorization sends \"Bearer KEY\", any other the key alone.",
     .form = FORM_FIELD, .hushed = true},
    {"x_region", SETTING_STRING, AT(x_region), 0, 128, "",
     .help = "Sent to the region as X-Region. Empty for none.", .form = FORM_VALUE, .hushed = true},
    {"proxy", SETTING_STRING, AT(proxy), 0, 1024, "",
     .help = "Proxy that requests and checks go there through, by a tunnel (CONNECT) or SOCKS 5 with the name resolved by the proxy. Empty for none; the environment's proxies are never used.",
     .form = FORM_PROXY, .secret = true, .vendor = true, .empty_is_null = true},
    {"headers", SETTING_HEADERS, 0, 0, CONFIG_HEADERS_MAX, NULL, .inherits = "none",
     .help = "Header fields that each request and check there carries, in place of the client's of that name. Values are treated as secrets. Fields of the connection, and those that the router writes itself, are refused.",
     .secret = true, .vendor = true},
    {"health_path", SETTING_STRING, AT(health_path), 1, 2048, NULL,
     .help = "Path that checks of this region ask for.", .form = FORM_PATH, .inherits = "health.path"},
    {"priority", SETTING_INT, AT(priority), 0, 1000, "1",
     .help = "Smaller is tried first."},
    {"ca_file", SETTING_STRING, AT(trust.ca_file), 1, 4096, NULL,
     .help = "PEM file of the certificate authorities that this region is checked against, in place of all others.",
     .form = FORM_TEXT, .inherits = "upstream.ca_file"},
    {"extra_ca_file", SETTING_STRING, AT(trust.extra_ca_file), 1, 4096, NULL,
     .help = "The same beside the system's. A region with one of the two has neither of upstream's.",
     .form = FORM_TEXT, .inherits = "upstream.extra_ca_file"},
    CONNECT_ROW
    SILENCE_ROWS
    {"lenient", SETTING_FLAGS, AT(lenient), 0, 8, NULL, .inherits = "none",
     .help = "Oddities of this vendor that are taken for what it means. no_finish_reason: a stream with content may end with [DONE] alone, and so may a plain answer that is played as a stream.",
     .words = lenient_words},
    BREAKER_ROWS
};
#undef AT
#undef INHERITS
#undef TIMEOUTS_OF

#define AT(field)   offsetof(struct config_model, field)
#define TIMEOUTS_OF "the region's timeouts"
static const struct setting model[] = {
    {"targets", SETTING_TARGETS, 0, 1, CONFIG_REGIONS_MAX, NULL,
     .help = "Where the model is served."},
    {"fallbacks", SETTING_FALLBACKS, 0, 0, 16, NULL,
     .help = "Models to try, in order, when no target of this one is left.", .inherits = "none"},
    {"context_window", SETTING_TOKENS, AT(context_window), 0, TOKENS_MAX, "0",
     .help = "Tokens that fit. 0 when unknown."},
    SILENCE_ROWS
    {"timeouts.total", SETTING_DURATION, AT(timeouts.total_ms), 10, HOURS(24), NULL,
     .help = "A whole request for this model with all its attempts, fallbacks included.", .inherits = "the config's timeouts"},
};
#undef AT
#undef DEF
#undef TIMEOUTS_OF
#undef IS_LIMIT

#define AT(field) offsetof(struct config_target, field)
static const struct setting target[] = {
    {"region", SETTING_REGION_NAME, AT(region), 1, CONFIG_NAME_MAX, NULL,
     .help = "Name of a region.", .form = FORM_NAME},
    {"model", SETTING_STRING, AT(model), 1, 256, NULL,
     .help = "The model's name in that region.", .form = FORM_MODEL, .inherits = "the name the client used"},
    {"priority", SETTING_INT, AT(priority), 0, 1000, NULL,
     .help = "Smaller is tried first.", .inherits = "the region's"},
    {"context_window", SETTING_TOKENS, AT(context_window), 0, TOKENS_MAX, NULL,
     .help = "Tokens that fit there.", .inherits = "the model's"},
};
#undef AT

static const struct setting_table tables[N_SETTINGS_OF] = {
    [SETTINGS_TOP]    = {"",                    top,    ARRAY_LEN(top)},
    [SETTINGS_REGION] = {"regions[].",          region, ARRAY_LEN(region)},
    [SETTINGS_MODEL]  = {"models.*.",           model,  ARRAY_LEN(model)},
    [SETTINGS_TARGET] = {"models.*.targets[].", target, ARRAY_LEN(target)},
};
/* clang-format on */
_Static_assert(ARRAY_LEN(top) <= SETTINGS_MAX, "KEYS_MAX is the size of arrays on the stack");

const struct setting_table *settings_table(enum settings_of which)
{
    return &tables[which];
}

const struct setting *settings_find(const struct setting_table *t, struct str name)
{
    for (size_t i = 0; i < t->n; i++)
        if (str_eqz(name, t->rows[i].name))
            return &t->rows[i];
    return NULL;
}

bool settings_is_required(const struct setting *k)
{
    return k->def == NULL && k->inherits == NULL;
}

void settings_format(const struct setting *k, int64_t n, char *out, size_t cap)
{
    if (k->type == SETTING_DURATION)
        duration_format(n, out, cap);
    else if (k->type == SETTING_SIZE)
        size_format(n, out, cap);
    else
        snprintf(out, cap, "%lld", (long long)n);
}

static void want_words(const struct setting *k, char *out, size_t cap)
{
    size_t used = 0;

    for (size_t i = 0; k->words[i] != NULL && used < cap; i++) {
        const char *sep = i == 0 ? "" : k->words[i + 1] == NULL ? " or " : ", ";

        used += (size_t)snprintf(out + used, cap - used, "%s\"%s\"", sep, k->words[i]);
    }
}

static const char *want_kind(const struct setting *k)
{
    static const char *const kinds[N_SETTING_TYPES] = {
        [SETTING_INT] = "a whole number",
        [SETTING_PERCENT] = "a whole number (percent)",
        [SETTING_COUNT] = "a whole number",
        [SETTING_TOKENS] = "a whole number",
        [SETTING_SIZE] = SIZE_WANT,
        [SETTING_DURATION] = DURATION_WANT,
        [SETTING_REGION_NAME] = "the name of a region",
        [SETTING_REGIONS] = "an array of regions",
        [SETTING_MODELS] = "an object of models",
        [SETTING_TARGETS] = "an array of targets",
        [SETTING_FALLBACKS] = "an array of model names",
        [SETTING_FLAGS] = "an array of words",
        [SETTING_TEXTS] = "an array of strings",
        [SETTING_HEADERS] = "an object of header fields, names and values",
    };

    return k->type == SETTING_STRING ? form_want(k->form) : kinds[k->type];
}

void settings_want(const struct setting *k, bool bounds, char *out, size_t cap)
{
    char lo[DURATION_TEXT_MAX], hi[DURATION_TEXT_MAX];

    if (k->type == SETTING_FLAGS) {
        size_t used = (size_t)snprintf(out, cap, "%s: ", want_kind(k));

        want_words(k, out + used, cap - used);
        return;
    }
    if (k->words != NULL) {
        want_words(k, out, cap);
        return;
    }
    settings_format(k, k->min, lo, sizeof(lo));
    settings_format(k, k->max, hi, sizeof(hi));
    if (!bounds || k->type == SETTING_REGION_NAME)
        snprintf(out, cap, "%s", want_kind(k));
    else if (k->type == SETTING_STRING)
        snprintf(out, cap, "%s, %s..%s bytes", want_kind(k), lo, hi);
    else if (k->type >= SETTING_LISTS)
        snprintf(out, cap, "%s, %s..%s of them", want_kind(k), lo, hi);
    else
        snprintf(out, cap, "%s in %s..%s", want_kind(k), lo, hi);
}
