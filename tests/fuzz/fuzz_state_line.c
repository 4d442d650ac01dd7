/* fuzz_state_line.c - state lines of any bytes: what decodes encodes to the same bytes (but for
 * what a later version added), and a view that hears them keeps its promises.
 *
 * The input is a list of lines.  Each is pushed; a line "=" followed by a number takes the
 * lines since the last one as a snapshot of that version. */
#include "shared/state_line.h"
#include "shared/view.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINES_MAX   64
#define SPACES_MAX  15 /* of a line with every field that we know */
#define MAX_OPEN_MS 60000

static void check_codec(struct str text)
{
    struct state_line l, again;
    struct buf b;
    size_t spaces = 0;

    if (!state_line_decode(text, &l))
        return;
    for (size_t i = 0; i < text.len; i++)
        spaces += text.ptr[i] == ' ';
    buf_init(&b, 2 * VIEW_LINE_MAX);
    if (state_line_encode(&b, &l) < 0 || !state_line_decode(buf_str(&b), &again))
        abort();
    if (spaces <= SPACES_MAX && !str_eq(buf_str(&b), text))
        abort();
    buf_release(&b);
}

static void check_view(const struct view *v, int64_t now_ms, const char *gen, uint64_t ver)
{
    if (strcmp(gen, view_gen(v)) == 0 && view_ver(v) < ver)
        abort(); /* a version went back within a generation */
    for (size_t i = 0; i < view_count(v); i++) {
        const struct view_slot *k = view_get(v, i);

        if (k->st == BREAKER_OPEN ? k->until_ms > now_ms + MAX_OPEN_MS : k->until_ms != 0)
            abort();
        if (strlen(k->why) > VIEW_WORD_MAX || strlen(k->by) > VIEW_WORD_MAX)
            abort();
        (void)view_forced_name(view_forced_now(k, now_ms));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const keys[] = {"a", "b", "us-east/gpt-4.1"};
    struct view *v = view_new(keys, ARRAY_LEN(keys), MAX_OPEN_MS);
    struct str lines[LINES_MAX], rest = {(const char *)data, size};
    bool changed[ARRAY_LEN(keys)];
    size_t n = 0;
    int64_t now_ms = 1000;

    while (rest.ptr != NULL) {
        struct str line = str_split(rest, '\n', &rest);
        char gen[VIEW_GEN_MAX + 1];
        uint64_t was = view_ver(v), ver;
        int at = -1;

        memcpy(gen, view_gen(v), strlen(view_gen(v)) + 1);
        check_codec(line);
        if (str_starts(line, "=") &&
            str_to_u64((struct str){line.ptr + 1, line.len - 1}, &ver)) {
            (void)view_snapshot(v, STR("g"), ver, lines, n, now_ms, changed);
            n = 0;
        } else {
            enum view_verdict verdict = view_push(v, line, now_ms, &at);

            if (at >= (int)ARRAY_LEN(keys) || (at >= 0 && verdict == VIEW_BAD))
                abort();
            if (n < LINES_MAX)
                lines[n++] = line;
        }
        check_view(v, now_ms++, gen, was);
    }
    view_free(v);
    return 0;
}
