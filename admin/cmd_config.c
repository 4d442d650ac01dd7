/* cmd_config.c - config check FILE: would the routers take it?  Needs no Redis. */
#include "admin/cmd.h"
#include "admin/output/table.h"
#include "base/json_out.h"
#include "config/config.h"

static int print_json(const char *path, const struct config *conf, const struct err *why,
                      struct buf *out)
{
    struct json_out o;

    json_out_init(&o, out, true);
    json_out_object(&o);
    json_out_key(&o, "file");
    json_out_text(&o, path);
    json_out_key(&o, "ok");
    json_out_bool(&o, conf != NULL);
    if (conf == NULL) {
        json_out_key(&o, "error");
        json_out_text(&o, why->msg);
    } else {
        json_out_key(&o, "fleet");
        json_out_text(&o, conf->fleet);
        json_out_key(&o, "shared");
        json_out_bool(&o, conf->redis.enabled);
        json_out_key(&o, "regions");
        json_out_array(&o);
        for (size_t i = 0; i < conf->n_regions; i++)
            json_out_text(&o, conf->regions[i].name);
        json_out_end(&o);
        json_out_key(&o, "models");
        json_out_int(&o, (int64_t)conf->n_models);
        json_out_key(&o, "digest");
        json_out_text(&o, conf->digest);
    }
    json_out_end(&o);
    return json_out_finish(&o) < 0 ? -1 : buf_append(out, "\n", 1);
}

static int print_text(const char *path, const struct config *conf, struct buf *out)
{
    if (conf == NULL)
        return 0; /* the sentence goes to stderr */
    if (buf_appendf(out, "config '") < 0 || table_clean(str_of(path), out) < 0)
        return -1;
    return buf_appendf(out, "' is fine: fleet %s, %zu region%s, %zu model%s, %s, digest %s\n",
                       conf->fleet, conf->n_regions, conf->n_regions == 1 ? "" : "s",
                       conf->n_models, conf->n_models == 1 ? "" : "s",
                       conf->redis.enabled ? "shared state in Redis" : "no shared state",
                       conf->digest);
}

enum run_status cmd_config_check(struct run *run, struct err *err)
{
    const char *path = run->words[0];
    struct config *conf = config_load(path, err);
    enum run_status status = conf != NULL ? RUN_OK : RUN_FAILED;
    struct err print_err = {0};
    struct buf out;
    int rc;

    buf_init(&out, RUN_OUTPUT_MAX);
    if (args_has(run->args, ARGS_JSON))
        rc = print_json(path, conf, err, &out);
    else
        rc = print_text(path, conf, &out);
    if ((rc < 0 ? run_too_large(&print_err) : run_print(run, &out, &print_err)) != RUN_OK) {
        *err = print_err;
        status = RUN_FAILED;
    }
    config_free(conf);
    buf_release(&out);
    return status;
}
