/* connect_options.c - which Redis and which fleet a run is about. */
#include "admin/connect_options.h"

#include "admin/session.h"
#include "config/config.h"
#include "config/form.h"
#include "redis/url.h"

#include <stdlib.h>
#include <string.h>

void connect_options_release(struct connect_options *w)
{
    if (w->url != NULL) {
        explicit_bzero(w->url, strlen(w->url));
        free(w->url);
    }
    w->url = NULL;
    free(w->ca_file);
    free(w->cert_file);
    free(w->key_file);
    w->ca_file = w->cert_file = w->key_file = NULL;
}

/* Also a URL that does not parse is refused for its password first: the message about the rest
 * would invite to try again in the same way. */
static bool has_password(const char *url)
{
    const char *at = strchr(url, '@');
    const char *host = strstr(url, "://");
    const char *colon = strchr(host != NULL ? host + 3 : url, ':');

    return at != NULL && colon != NULL && colon < at;
}

static enum connect_options_verdict check_url(const char *from, const char *url,
                                              struct err *err)
{
    struct redis_url parsed;
    int rc = redis_url_parse(&parsed, url, err);

    redis_url_release(&parsed);
    if (rc == 0)
        return CONNECT_OPTIONS_FOUND;
    err_wrap(err, "%s", from);
    return CONNECT_OPTIONS_USAGE;
}

static enum connect_options_verdict find_url(struct connect_options *w, const struct args *a,
                                             const struct config *conf, struct err *err)
{
    const char *env = getenv("SLUICE_REDIS"), *from = "SLUICE_REDIS", *url = env;

    if (args_has(a, ARGS_REDIS)) {
        from = "--redis";
        url = a->text[ARGS_REDIS];
        if (has_password(url)) {
            err_set(
                err, ERR_SYNTAX,
                "--redis has a password in it, which every user of this host "
                "can read in the list of processes: put the URL into SLUICE_REDIS or into the "
                "config file of -c");
            return CONNECT_OPTIONS_USAGE;
        }
    } else if (conf != NULL) {
        from = "redis.url";
        url = conf->redis.url;
        if (!conf->redis.enabled) {
            err_set(err, ERR_STORE,
                    "config '%s' has no redis section: its routers run alone and "
                    "share nothing; name a Redis with --redis URL",
                    conf->path);
            return CONNECT_OPTIONS_NO_STORE;
        }
    }
    if (url == NULL || url[0] == '\0') {
        err_set(err, ERR_SYNTAX,
                "which Redis? Give --redis URL or -c FILE, or set SLUICE_REDIS");
        return CONNECT_OPTIONS_USAGE;
    }
    w->url = xstrdup(url);
    return check_url(from, url, err);
}

static enum connect_options_verdict find_fleet(struct connect_options *w, const struct args *a,
                                               const struct config *conf, struct err *err)
{
    const char *env = getenv("SLUICE_FLEET"), *from = "SLUICE_FLEET";
    const char *fleet = env != NULL && env[0] != '\0' ? env : "default";

    if (args_has(a, ARGS_FLEET)) {
        from = "--fleet";
        fleet = a->text[ARGS_FLEET];
    } else if (conf != NULL) {
        fleet = conf->fleet; /* the loader has checked it */
    }
    if (!str_copy(w->fleet, sizeof(w->fleet), fleet) ||
        !form_matches(FORM_NAME, str_of(fleet))) {
        err_set(err, ERR_RANGE, "%s is no fleet's name: want %s, 1..%d bytes", from,
                form_want(FORM_NAME), NAMES_FLEET_MAX);
        return CONNECT_OPTIONS_USAGE;
    }
    return CONNECT_OPTIONS_FOUND;
}

static void take_tls(struct connect_options *w, const struct config_redis *redis)
{
    if (redis->ca_file != NULL)
        w->ca_file = xstrdup(redis->ca_file);
    if (redis->cert_file != NULL)
        w->cert_file = xstrdup(redis->cert_file);
    if (redis->key_file != NULL)
        w->key_file = xstrdup(redis->key_file);
}

static int64_t longer(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

enum connect_options_verdict connect_options_find(struct connect_options *out,
                                                  const struct args *a, struct err *err)
{
    enum connect_options_verdict verdict = CONNECT_OPTIONS_WRONG;
    struct config *conf = NULL;

    memset(out, 0, sizeof(*out));
    if (args_has(a, ARGS_CONFIG)) {
        conf = config_read(a->text[ARGS_CONFIG], err);
        if (conf == NULL)
            return CONNECT_OPTIONS_WRONG;
        take_tls(out, &conf->redis);
    }
    out->connect_ms =
        longer(SESSION_CONNECT_MS, conf != NULL ? conf->redis.connect_timeout_ms : 0);
    out->command_ms =
        longer(SESSION_COMMAND_MS, conf != NULL ? conf->redis.command_timeout_ms : 0);
    verdict = find_url(out, a, conf, err);
    if (verdict == CONNECT_OPTIONS_FOUND)
        verdict = find_fleet(out, a, conf, err);
    config_free(conf);
    return verdict;
}
