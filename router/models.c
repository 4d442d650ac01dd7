/* models.c - the models the config serves, in OpenAI's shape; models.h has the contract. */
#include "router/models.h"

#include "base/json_scan.h"

static int put_model(const struct config_model *m, struct buf *out)
{
    if (buf_append_str(out, STR("{\"id\":")) < 0 || json_scan_quote(out, str_of(m->name)) < 0)
        return -1;
    return buf_append_str(out,
                          STR(",\"object\":\"model\",\"created\":0,\"owned_by\":\"sluice\"}"));
}

int models_list(const struct config *conf, struct buf *out)
{
    if (buf_append_str(out, STR("{\"object\":\"list\",\"data\":[")) < 0)
        return -1;
    for (size_t i = 0; i < conf->n_models; i++)
        if ((i > 0 && buf_append_str(out, STR(",")) < 0) ||
            put_model(&conf->models[i], out) < 0)
            return -1;
    return buf_append_str(out, STR("]}"));
}

int models_one(const struct config *conf, struct str id, struct buf *out)
{
    int i = config_find_model(conf, id);

    return i < 0 ? -1 : put_model(&conf->models[i], out);
}
