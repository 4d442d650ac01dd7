/* test_models.c - GET /v1/models out of the config. */
#include "router/models.h"

#include <criterion/criterion.h>
#include <string.h>

#define REGION "{\"regions\":[{\"name\":\"a\",\"base_url\":\"http://a/v1\"}]"
#define TO_A   "{\"targets\":[{\"region\":\"a\"}]}"
#define OBJECT(id)                                                                             \
    "{\"id\":\"" id "\",\"object\":\"model\",\"created\":0,\"owned_by\":\"sluice\"}"

static struct config *parse(const char *text)
{
    struct err err = {0};
    struct config *c = config_parse("t", str_of(text), &err);

    cr_assert_not_null(c, "%s", err.msg);
    return c;
}

Test(models, list)
{
    static const struct {
        const char *conf, *want;
    } rows[] = {
        {REGION "}", "{\"object\":\"list\",\"data\":[]}"},
        {REGION ",\"models\":{\"m\":" TO_A "}}",
         "{\"object\":\"list\",\"data\":[" OBJECT("m") "]}"},
        {REGION ",\"models\":{\"m\":" TO_A ",\"x/y:1\":" TO_A "}}",
         "{\"object\":\"list\",\"data\":[" OBJECT("m") "," OBJECT("x/y:1") "]}"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config *c = parse(rows[i].conf);
        size_t len = strlen(rows[i].want);
        struct buf out;

        for (int less = 0; less <= 1; less++) {
            buf_init(&out, len - (size_t)less);
            cr_expect_eq(models_list(c, &out), less ? -1 : 0, "row %zu", i);
            if (!less)
                cr_expect_str_eq(out.data, rows[i].want);
            buf_release(&out);
        }
        config_free(c);
    }
}

Test(models, one)
{
    struct config *c = parse(REGION ",\"models\":{\"m\":" TO_A ",\"mm\":" TO_A "}}");
    static const struct {
        const char *id, *want;
    } rows[] = {
        {"m", OBJECT("m")}, {"mm", OBJECT("mm")}, {"mmm", NULL}, {"", NULL}, {"M", NULL}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;

        buf_init(&out, 4096);
        cr_expect_eq(models_one(c, str_of(rows[i].id), &out), rows[i].want ? 0 : -1, "'%s'",
                     rows[i].id);
        if (rows[i].want != NULL)
            cr_expect_str_eq(out.data, rows[i].want);
        buf_release(&out);
    }
    config_free(c);
}
