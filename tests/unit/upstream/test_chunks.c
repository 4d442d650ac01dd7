/* test_chunks.c - where chunks begin and end, however the bytes are split; and that curl, which
 * reads the same bytes, ends the transfer at the same one. */
#include "upstream/chunks.h"

#include "base/buf.h"
#include "upstream_rig.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define MORE UPSTREAM_CHUNK_MORE
#define END  UPSTREAM_CHUNK_END
#define BAD  UPSTREAM_CHUNK_BAD

static const struct {
    const char *name, *bytes, *content;
    enum upstream_chunk want;
} rows[] = {
    {"nothing yet", "", "", MORE},
    {"empty", "0\r\n\r\n", "", END},
    {"one", "2\r\nok\r\n0\r\n\r\n", "ok", END},
    {"several", "1\r\na\r\n00b\r\nbcdefghijkl\r\n0\r\n\r\n", "abcdefghijkl", END},
    {"digits in any case", "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n",
     "01234567890123456789", END},
    {"16 digits", "0000000000000002\r\nok\r\n0000000000000000\r\n\r\n", "ok", END},
    {"lines that end in LF", "2\nok\n0\n\n", "ok", END},
    {"extensions", "2;a=\"b\";c\r\nok\r\n0 ; d\r\n\r\n", "ok", END},
    {"white space behind a size", "2  \r\nok\r\n0\t\r\n\r\n", "ok", END},
    {"line ends in the content", "4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n", END},
    {"trailers", "2\r\nok\r\n0\r\nX-T: 1\r\nX-U:\r\n\r\n", "ok", END},
    {"trailers that end in LF", "0\nX-T: 1\nX-U:\n\n", "", END},
    {"bytes behind the end", "0\r\n\r\n2\r\nno\r\n", "", END},
    {"in a size", "2", "", MORE},
    {"behind a size", "2\r", "", MORE},
    {"in a chunk", "5\r\nok", "ok", MORE},
    {"behind a chunk", "2\r\nok", "ok", MORE},
    {"before the last CRLF", "2\r\nok\r\n0\r\n", "ok", MORE},
    {"in a trailer", "0\r\nX-T: ", "", MORE},
    {"no size", "\r\nok", "", BAD},
    {"no hexadecimal size", "2\r\nok\r\nxyz\r\n", "ok", BAD},
    {"0x", "0x2\r\nok\r\n0\r\n\r\n", "", BAD},
    {"signed", "-2\r\nok\r\n", "", BAD},
    {"white space before a size", " 2\r\nok\r\n", "", BAD},
    {"17 digits", "00000000000000002\r\nok\r\n", "", BAD},
    {"over 63 bits", "8000000000000000\r\nok", "", BAD},
    {"longer than its size", "2\r\nokay\r\n0\r\n\r\n", "ok", BAD},
    {"a trailer without a colon", "0\r\nX-T\r\n\r\n", "", BAD},
    {"a trailer that ends in CR", "0\r\nX-T: 1\rX-U: 2\r\n\r\n", "", BAD},
    {"CR without LF at the end", "0\r\n\rx", "", BAD},
};

static enum upstream_chunk read_in_pieces(struct str bytes, size_t step, struct buf *content)
{
    enum upstream_chunk what = MORE;
    struct upstream_chunks c;
    struct str data;

    upstream_chunks_init(&c);
    while (bytes.len > 0) {
        size_t n = step < bytes.len ? step : bytes.len;
        struct str in = {bytes.ptr, n};

        while ((what = upstream_chunks_next(&c, &in, &data)) == UPSTREAM_CHUNK_DATA)
            cr_assert_eq(buf_append_str(content, data), 0);
        bytes = (struct str){bytes.ptr + n, bytes.len - n};
    }
    return what;
}

Test(upstream_chunks, verdicts_at_every_split)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t step = 1; step <= strlen(rows[i].bytes) + 1; step++) {
            struct buf content;

            buf_init(&content, 4096);
            cr_expect_eq(read_in_pieces(str_of(rows[i].bytes), step, &content), rows[i].want,
                         "row '%s' by %zu", rows[i].name, step);
            cr_expect(str_eqz(buf_str(&content), rows[i].content), "row '%s' by %zu",
                      rows[i].name, step);
            buf_release(&content);
        }
    }
}

/* The real libcurl ends where we do: whole, cut, or at a chunk that is none. */
Test(upstream_chunks, curl_agrees)
{
    static const enum upstream_result want[] = {
        [MORE] = UPSTREAM_CUT, [END] = UPSTREAM_COMPLETE, [BAD] = UPSTREAM_FRAMING};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct upstream_rig r = {0};
        struct upstream_client c;
        char bytes[512];

        snprintf(bytes, sizeof(bytes),
                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s", rows[i].bytes);
        upstream_rig_start(
            &r, &(struct answer){.bytes = bytes, .after = rows[i].want == MORE ? CLOSE : KEEP},
            1);
        upstream_client_run(&r, &c);
        cr_expect_eq(c.end.result, want[rows[i].want], "row '%s': %s (%s)", rows[i].name,
                     upstream_result_name(c.end.result), c.end.detail);
        cr_expect(str_eqz(buf_str(&c.body), rows[i].content), "row '%s'", rows[i].name);
        upstream_client_release(&c);
        upstream_rig_stop(&r);
    }
}

/* A reset is not taken for a bad chunk, wherever in the framing it comes. */
Test(upstream_chunks, a_reset_is_a_cut)
{
    static const char *const starts[] = {"",        "2",           "2\r\n",
                                         "5\r\nok", "2\r\nok\r\n", "0\r\nX: "};

    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        struct upstream_rig r = {0};
        struct upstream_client c;
        char bytes[512];

        snprintf(bytes, sizeof(bytes),
                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s", starts[i]);
        upstream_rig_start(&r, &(struct answer){.bytes = bytes, .after = KEEP}, 1);
        upstream_client_init(&c, &r);
        upstream_client_post(&r, &c, NULL);
        upstream_rig_run_until(&r, &c.heads, 1, "head");
        upstream_server_reset_all(&r.srv);
        upstream_rig_run_until(&r, &c.ends, 1, "on_end");
        cr_expect_eq(c.end.result, UPSTREAM_CUT, "'%s': %s (%s)", starts[i],
                     upstream_result_name(c.end.result), c.end.detail);
        upstream_client_release(&c);
        upstream_rig_stop(&r);
    }
}

/* One trailer line as long as curl takes, and one byte more. */
Test(upstream_chunks, a_trailer_line_has_a_limit)
{
    for (size_t n = 4092; n <= 4094; n++) {
        struct upstream_rig r = {0};
        struct upstream_client c;
        struct buf bytes;

        buf_init(&bytes, 8192);
        cr_assert_eq(buf_appendf(&bytes,
                                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                 "2\r\nok\r\n0\r\nx:%0*d\r\n\r\n",
                                 (int)n - 2, 0),
                     0);
        upstream_rig_start(&r, &(struct answer){.bytes = bytes.data}, 1);
        upstream_client_run(&r, &c);
        cr_expect_eq(c.end.result, n <= 4093 ? UPSTREAM_COMPLETE : UPSTREAM_FRAMING,
                     "%zu bytes: %s (%s)", n, upstream_result_name(c.end.result), c.end.detail);
        upstream_client_release(&c);
        upstream_rig_stop(&r);
        buf_release(&bytes);
    }
}

/* Paused between two chunks of one read, several times over: nothing is lost, nothing comes
 * twice.  Behind the pause a chunk that is none ends it all the same. */
Test(upstream_chunks, a_pause_within_a_read)
{
    for (int bad = 0; bad < 2; bad++) {
        RIG(r,
            {.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "1\r\na\r\n2\r\nbc\r\n1\r\nd\r\n3\r\nefg\r\n0\r\nX: 1\r\n\r\n"},
            {.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "1\r\na\r\n1\r\nb\r\nz\r\n"});
        struct upstream_client c;

        if (bad) {
            upstream_client_run(&r, &c);
            upstream_client_release(&c);
        }
        upstream_client_init(&c, &r);
        c.in_data = PAUSE;
        upstream_client_post(&r, &c, NULL);
        upstream_rig_run_until(&r, &c.datas, 1, "data");
        while (c.ends == 0) {
            int datas = c.datas;

            upstream_rig_run_for(&r, 5);
            cr_assert_eq(c.datas, datas, "data while paused");
            if (c.ends > 0)
                break;
            c.paused = false;
            upstream_call_resume(c.call);
            upstream_rig_run_for(&r, 5);
        }
        cr_expect_eq(c.end.result, bad ? UPSTREAM_FRAMING : UPSTREAM_COMPLETE, "%s",
                     c.end.detail);
        cr_expect_str_eq(c.body.data, bad ? "a" : "abcdefg");
        upstream_client_release(&c);
        upstream_rig_stop(&r);
    }
}
