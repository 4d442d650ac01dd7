/* models.c - the models the config serves, in OpenAI's shape; models.h has the contract. */
#include "router/models.h"

#include "base/json_out.h"

static void put_model(const struct config_model *m, struct json_out *o)
{
    json_out_object(o);
    json_out_key(o, "id");
    json_out_text(o, m->name);
    json_out_key(o, "object");
    json_out_text(o, "model");
    json_out_key(o, "created");
    json_out_int(o, 0);
    json_out_key(o, "owned_by");
    json_out_text(o, "sluice");
    json_out_end(o);
}

int models_list(const struct config *conf, struct buf *out)
{
    struct json_out o;

    json_out_init(&o, out, false);
    json_out_object(&o);
    json_out_key(&o, "object");
    json_out_text(&o, "list");
    json_out_key(&o, "data");
    json_out_array(&o);
    for (size_t i = 0; i < conf->n_models; i++)
        put_model(&conf->models[i], &o);
    json_out_end(&o);
    json_out_end(&o);
    return json_out_finish(&o);
}

int models_one(const struct config *conf, struct str id, struct buf *out)
{
    int i = config_find_model(conf, id);
    struct json_out o;

    if (i < 0)
        return -1;
    json_out_init(&o, out, false);
    put_model(&conf->models[i], &o);
    return json_out_finish(&o);
}
