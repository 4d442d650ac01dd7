/* fuzz_view_file.c - a kept view of any bytes: what is taken from it stays within the caps, and
 * what is refused changes nothing. */
#include "shared/view_file.h"

#include "shared/state_line.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WALL_MS INT64_C(1700000000000)
#define MONO_MS 5000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const keys[] = {"a", "b", "us-east/gpt-4.1"};
    struct view *v = view_new(keys, ARRAY_LEN(keys), STATE_LINE_OPEN_MAX_MS);
    char gen[VIEW_GEN_MAX + 1];
    uint64_t ver[ARRAY_LEN(keys)];
    struct err err = {0};
    int rc = view_file_decode((struct str){(const char *)data, size}, "t", WALL_MS, MONO_MS, v,
                              gen, ver, &err);

    if (view_gen(v)[0] != '\0' || (rc < 0) != (err.msg[0] != '\0'))
        abort();
    for (size_t i = 0; i < view_count(v); i++) {
        const struct view_slot *k = view_get(v, i);

        if (rc < 0 && (k->st != BREAKER_CLOSED || k->forced != VIEW_AUTO || k->lim_ms != 0))
            abort();
        if (k->st == BREAKER_HALF_OPEN || k->ver != 0 ||
            k->until_ms > MONO_MS + STATE_LINE_OPEN_MAX_MS ||
            k->lim_ms > MONO_MS + STATE_LINE_LIM_MAX_MS)
            abort();
        if (strlen(k->why) > VIEW_WORD_MAX || strcmp(k->name, keys[i]) != 0)
            abort();
    }
    view_free(v);
    return 0;
}
