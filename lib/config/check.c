/* check.c - rules between settings, and what a start would find; check.h has the contract. */
#include "config/check.h"

#include "base/units.h"
#include "config/value.h"
#include "redis/tls.h"
#include "redis/url.h"

#include <stdio.h>
#include <string.h>

/* clang-format off */
static const struct {
    const char *low, *high; /* settings of the top table: low must not exceed high */
    bool zero_lifts;        /* high 0 means no cap */
} orders[] = {
    {"breaker.recovery_timeout",          "breaker.recovery_timeout_max", false},
    {"retry.backoff",                     "retry.backoff_max",            false},
    {"timeouts.connect",                  "timeouts.total",               false},
    {"http.max_target_bytes",             "http.max_head_bytes",          false},
    {"upstream.max_connections_per_host", "upstream.max_connections",     true},
};
/* clang-format on */

#define CHECKS_MIN_MS    100 /* more often is load, not a check */
#define HEARTBEAT_MIN_MS 100 /* a faster one is a flood, not a sign of life */

static int check_order(const struct config *c, size_t row, struct err *err)
{
    const struct setting *low =
        settings_find(settings_table(SETTINGS_TOP), str_of(orders[row].low));
    const struct setting *high =
        settings_find(settings_table(SETTINGS_TOP), str_of(orders[row].high));
    int64_t a = value_number(low, c), b = value_number(high, c);
    char low_text[32], high_text[32];

    if (a <= b || (b == 0 && orders[row].zero_lifts))
        return 0;
    settings_format(low, a, low_text, sizeof(low_text));
    settings_format(high, b, high_text, sizeof(high_text));
    return err_set(err, ERR_CONFLICT, "%s is %s, want at least %s, which is %s", high->name,
                   high_text, low->name, low_text);
}

/* A setting of region i that must not be less than another one's value. */
static int refuse_order(size_t i, const char *high, int64_t high_ms, const char *low,
                        int64_t low_ms, struct err *err)
{
    char low_text[DURATION_TEXT_MAX], high_text[DURATION_TEXT_MAX];

    duration_format(low_ms, low_text, sizeof(low_text));
    duration_format(high_ms, high_text, sizeof(high_text));
    return err_set(err, ERR_CONFLICT, "regions[%zu].%s is %s, want %s, which is %s", i, high,
                   high_text, low, low_text);
}

static int check_trust(const struct config_trust *t, const char *at, struct err *err)
{
    if (t->ca_file == NULL || t->extra_ca_file == NULL)
        return 0;
    return err_set(err, ERR_CONFLICT,
                   "%s.ca_file and %s.extra_ca_file are both set, want one of them: the first "
                   "in place of the system's authorities, the second beside them",
                   at, at);
}

static int check_region(const struct config *c, size_t i, struct err *err)
{
    const struct config_region *r = &c->regions[i];
    char at[32];

    snprintf(at, sizeof(at), "regions[%zu]", i);
    if (check_trust(&r->trust, at, err) < 0)
        return -1;
    if (r->breaker.rule.recovery_ms > r->breaker.rule.recovery_max_ms)
        return refuse_order(i, "breaker.recovery_timeout_max", r->breaker.rule.recovery_max_ms,
                            "at least its recovery_timeout", r->breaker.rule.recovery_ms, err);
    if (r->timeouts.connect_ms > c->timeouts.total_ms)
        return refuse_order(i, "timeouts.connect", r->timeouts.connect_ms,
                            "at most timeouts.total", c->timeouts.total_ms, err);
    return 0;
}

int config_check(const struct config *c, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(orders); i++)
        if (check_order(c, i, err) < 0)
            return -1;
    if (check_trust(&c->upstream.trust, "upstream", err) < 0)
        return -1;
    for (size_t i = 0; i < c->n_regions; i++)
        if (check_region(c, i, err) < 0)
            return -1;
    if (strcmp(c->listen, c->admin_listen) == 0)
        return err_set(
            err, ERR_CONFLICT,
            "admin_listen is '%s', which listen has already: want another address, or "
            "\"\" for none",
            c->admin_listen);
    if (c->stream.heartbeat_ms > 0 && c->stream.heartbeat_ms < HEARTBEAT_MIN_MS)
        return err_set(err, ERR_RANGE,
                       "stream.heartbeat is %lldms, want 0s for none or at least %dms",
                       (long long)c->stream.heartbeat_ms, HEARTBEAT_MIN_MS);
    if (c->health.interval_ms > 0 && c->health.interval_ms < CHECKS_MIN_MS)
        return err_set(err, ERR_RANGE,
                       "health.interval is %lldms, want 0s for none or at least %dms",
                       (long long)c->health.interval_ms, CHECKS_MIN_MS);
    if (c->http.memory_bytes > 0 && c->http.memory_bytes < CONFIG_MEMORY_MIN_BYTES)
        return err_set(err, ERR_RANGE, "http.memory is %zuKiB, want 0 or at least %zuMiB",
                       c->http.memory_bytes >> 10, CONFIG_MEMORY_MIN_BYTES >> 20);
    if (c->health.status != 0 && c->health.status < 200)
        return err_set(err, ERR_RANGE, "health.status is %d, want 0 for any 2xx or 200..599",
                       c->health.status);
    return 0;
}

/* One Redis URL, of whatever row.  Its form tells it by its scheme and keeps secrets maskable;
 * whether the hosts, ports and database in it make sense is redis/url.c's to say.  The PEM
 * files are read only where a URL wants TLS, so what other configs name there is not judged. */
static int check_redis_url(const struct config *c, const struct setting *k, struct err *err)
{
    const struct redis_tls_conf files = {.ca_file = c->redis.ca_file,
                                         .cert_file = c->redis.cert_file,
                                         .key_file = c->redis.key_file};
    struct redis_tls *tls;
    struct redis_url url;

    if (redis_url_parse(&url, value_string(k, c), err) < 0)
        return err_wrap(err, "%s", k->name);
    int rc = redis_tls_of(&tls, &url, &files, err);

    redis_url_release(&url);
    redis_tls_drop(tls);
    return rc;
}

/* libcurl reads them by OpenSSL too, but only when it connects. */
static int check_authorities(const struct config_trust *t, const char *at, struct err *err)
{
    char setting[64];

    snprintf(setting, sizeof(setting), "%s.%s", at,
             t->ca_file != NULL ? "ca_file" : "extra_ca_file");
    const char *file = t->ca_file != NULL ? t->ca_file : t->extra_ca_file;

    return file != NULL ? redis_tls_check_authorities(setting, file, err) : 0;
}

int config_check_start(const struct config *c, struct err *err)
{
    const struct setting_table *t = settings_table(SETTINGS_TOP);

    for (size_t i = 0; i < t->n; i++)
        if (t->rows[i].form == FORM_REDIS_URL && c->redis.enabled &&
            value_string(&t->rows[i], c) != NULL && check_redis_url(c, &t->rows[i], err) < 0)
            return -1;
    if (check_authorities(&c->upstream.trust, "upstream", err) < 0)
        return -1;
    for (size_t i = 0; i < c->n_regions; i++) {
        char at[32];

        snprintf(at, sizeof(at), "regions[%zu]", i);
        if (check_authorities(&c->regions[i].trust, at, err) < 0)
            return -1;
    }
    return 0;
}

int config_reload_check(const struct config *from, const struct config *to, struct err *err)
{
    const struct setting_table *t = settings_table(SETTINGS_TOP);

    for (size_t i = 0; i < t->n; i++)
        if (t->rows[i].fixed && !value_equal(&t->rows[i], from, to))
            return err_set(err, ERR_CONFLICT,
                           "config '%s': %s changed, which needs a restart: the running value "
                           "stays and nothing of the new file is applied",
                           to->path, t->rows[i].name);
    return 0;
}
