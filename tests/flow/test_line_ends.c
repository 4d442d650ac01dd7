/* test_line_ends.c - what we write never follows half a line end of a vendor's. */
#include "flow_words.h"
#include "flow_world.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define HI(end) "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}" end
#define STOP(end)                                                                              \
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}" end
#define DONE(end) "data: [DONE]" end
#define CR        "\r"
#define CRLF      "\r\n"
#define BOM       "\xEF\xBB\xBF"

/* A client that knows one line end, as many do: splits at LF and sheds a CR in front of it.
 * Appends each event's data and a '|'. */
static void read_at_lf(struct str bytes, struct buf *out)
{
    struct buf data;

    buf_init(&data, 65536);
    while (bytes.len > 0) {
        struct str rest, line = str_split(bytes, '\n', &rest);

        if (rest.ptr == NULL)
            break; /* a line that has not ended is none */
        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        if (line.len == 0 && data.len > 0) {
            cr_assert_eq(buf_append_str(out, buf_str(&data)), 0);
            cr_assert_eq(buf_append_str(out, STR("|")), 0);
            buf_clear(&data);
        }
        if (str_starts(line, "data: "))
            cr_assert_eq(buf_append(&data, line.ptr + 6, line.len - 6), 0);
        bytes = rest;
    }
    buf_release(&data);
}

#define HI_DATA   "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}|"
#define STOP_DATA "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}|"
/* of another choice */
#define X(end) "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"x\"}}]}" end
#define X_DATA "{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"x\"}}]}|"
#define STOP_X(end)                                                                            \
    "data: {\"choices\":[{\"index\":1,\"delta\":{},\"finish_reason\":\"stop\"}]}" end
#define STOP_X_DATA "{\"choices\":[{\"index\":1,\"delta\":{},\"finish_reason\":\"stop\"}]}|"
#define S(r, text, how)                                                                        \
    {                                                                                          \
        .region = (r), .status = 200, .fields = WORD_SSE, .body = (text),                      \
        .end = UPSTREAM_##how                                                                  \
    }

static const struct {
    const char *name;
    struct script_answer answers[2];
    const char *data; /* that such a client has, up to an error event of ours */
    bool fails;
} rows[] = {
    {"an error between CR and LF", {S("a", HI(CRLF CR), CUT)}, HI_DATA, true},
    {"an error behind a whole CRLF", {S("a", HI(CRLF CRLF), CUT)}, HI_DATA, true},
    {"an error within the next line", {S("a", HI(CRLF CRLF) "data: {", CUT)}, HI_DATA, true},
    {"an error between the CR and LF of a data line",
     {S("a", HI(CRLF CRLF) STOP(CR), CUT)},
     HI_DATA,
     true},
    {"our [DONE] between CR and LF",
     {S("a", HI(CRLF CRLF) STOP(CRLF CR), CUT)},
     HI_DATA STOP_DATA "[DONE]|",
     false},
    {"the vendor's [DONE] up to its CR",
     {S("a", HI(CRLF CRLF) STOP(CRLF CRLF) DONE(CRLF CR), COMPLETE)},
     HI_DATA STOP_DATA "[DONE]|",
     false},
    {"a last event that lacks its blank line",
     {S("a", HI(CRLF CRLF) STOP(CRLF), COMPLETE)},
     HI_DATA STOP_DATA "[DONE]|",
     false},
    {"a last event that ends with its CR",
     {S("a", HI(CRLF CRLF) STOP(CR), COMPLETE)},
     HI_DATA STOP_DATA "[DONE]|",
     false},
    {"a rewritten event between CR and LF",
     {S("a", HI(CRLF CR), CUT),
      S("b",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi!\"}}]}\n\n" STOP("\n\n")
            DONE("\n\n"),
        COMPLETE)},
     HI_DATA "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"!\"}}]}|" STOP_DATA "[DONE]|",
     false},
    {"an event of another run between CR and LF",
     {S("a", HI(CRLF CR), CUT),
      S("b", BOM HI(CRLF CRLF) STOP(CRLF CRLF) DONE(CRLF CRLF), COMPLETE)},
     HI_DATA STOP_DATA "[DONE]|",
     false},
    {"another run's mark, before an event that passes as it is",
     {S("a", HI(CRLF CR), CUT),
      S("b", BOM X(CRLF CRLF) HI(CRLF CRLF) STOP(CRLF CRLF) STOP_X(CRLF CR), CUT)},
     HI_DATA X_DATA STOP_DATA STOP_X_DATA "[DONE]|",
     false},
    {"an event of another run behind CR alone",
     {S("a", HI(CRLF CR), CUT), S("b", HI(CR CR) STOP("\n\n") DONE("\n\n"), COMPLETE)},
     HI_DATA STOP_DATA "[DONE]|",
     false},
};

Test(flow_line_ends, every_event_is_read_at_lf)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct script_answer answers[2];
        struct flow_world f;
        struct flow_answer a;
        struct buf data;
        size_t want = strlen(rows[i].data);

        memcpy(answers, rows[i].answers, sizeof(answers));
        buf_init(&data, 65536);
        bool again = answers[1].region != NULL;

        flow_start(&f, again ? "'stream':{'recover':'always'}" : "'stream':{'recover':'off'}");
        script_set(f.w.up, answers, again ? 2 : 1);
        flow_ask(&f, NULL, WORD_STREAM, &a);
        cr_expect_eq(a.whole, !rows[i].fails, "row '%s'", rows[i].name);
        read_at_lf(buf_str(&a.body), &data);
        cr_assert_geq(data.len, want, "row '%s': %s", rows[i].name, a.body.data);
        cr_expect(memcmp(data.data, rows[i].data, want) == 0, "row '%s': %s", rows[i].name,
                  data.data);
        cr_expect_eq(strncmp(data.data + want, "{\"error\":{", 10) == 0, rows[i].fails,
                     "row '%s': %s", rows[i].name, data.data);
        cr_expect(rows[i].fails || data.len == want, "row '%s': %s", rows[i].name, data.data);
        buf_release(&data);
        flow_answer_release(&a);
        flow_stop(&f);
    }
}
