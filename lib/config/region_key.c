/* region_key.c - a region's key that a file holds; region_key.h has the contract. */
#include "config/region_key.h"

#include "base/buf.h"
#include "config/secret_file.h"
#include "config/value.h"

#include <stdlib.h>
#include <string.h>

/* What follows the key's file, for a message: the path as it is written. */
static int refuse(const struct object *o, const char *what, struct err *err)
{
    char shown[VALUE_SHOWN_MAX];

    return err_set(err, ERR_IO, "%s.api_key_file is '%s', which %s", o->at,
                   value_show(json_text(object_given(o, "api_key_file")), shown), what);
}

int region_key_load(struct config_region *r, const struct object *o, struct err *err)
{
    struct err why = {0};
    struct buf key;
    int rc = 0;

    if (r->api_key_file == NULL)
        return 0;
    if (r->api_key[0] != '\0')
        return err_set(err, ERR_CONFLICT,
                       "%s.api_key and %s.api_key_file are both set, want one of them", o->at,
                       o->at);
    if (o->how != NULL && o->how->is_of_text)
        return 0;
    buf_init(&key, SECRET_FILE_MAX);
    if (secret_file_read(str_of(r->api_key_file), o->how != NULL ? o->how->beside : NULL, &key,
                         &why) < 0) {
        rc = refuse(o, why.msg, err);
    } else if (!form_matches(FORM_KEY, buf_str(&key))) {
        rc = refuse(o, "holds no key, want visible ASCII without spaces", err);
    } else {
        free(r->api_key);
        r->api_key = xstrndup(key.data, key.len);
    }
    if (key.data != NULL)
        explicit_bzero(key.data, key.len);
    buf_release(&key);
    return rc;
}
