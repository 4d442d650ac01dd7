/* config_file.c - config_file.h has the contract.
 *
 * The config's own forms tell a Redis URL by its scheme and keep secrets maskable.  Whether the
 * hosts, ports and database in it make sense is redis/url.c's to say, and it is said when the
 * file is checked, not when a worker starts with it.
 */
#include "config/config_file.h"

#include "redis/url.h"

static int check_url(const struct config *conf, struct err *err)
{
    struct redis_url url;

    if (!conf->redis.enabled)
        return 0;
    if (redis_url_parse(&url, conf->redis.url, err) < 0)
        return err_wrap(err, "config '%s': redis.url", conf->path);
    redis_url_release(&url);
    return 0;
}

struct config *config_file_load(const char *path, struct err *err)
{
    struct config *conf = config_load(path, err);

    if (conf != NULL && check_url(conf, err) < 0) {
        config_free(conf);
        return NULL;
    }
    return conf;
}
