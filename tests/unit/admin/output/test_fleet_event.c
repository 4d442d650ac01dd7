/* test_fleet_event.c - events as Redis gives them, as people and programs read them. */
#include "admin/output/fleet_event.h"

#include <criterion/criterion.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define T "1795218795381"

/* {id, {words...}} as a reply; words split at '|'. */
static redisReply *reply_of(const char *id, const char *words)
{
    redisReader *reader = redisReaderCreate();
    char text[2048], head[64], copy[1024], *rest = copy, *word;
    void *reply = NULL;
    size_t n = 0, at = 0;

    snprintf(copy, sizeof(copy), "%s", words);
    text[0] = '\0';
    while ((word = strsep(&rest, "|")) != NULL) {
        at += (size_t)snprintf(text + at, sizeof(text) - at, "$%zu\r\n%s\r\n", strlen(word),
                               word);
        n++;
    }
    redisReaderFeed(reader, "*2\r\n", 4);
    snprintf(head, sizeof(head), "$%zu\r\n%s\r\n*%zu\r\n", strlen(id), id, n);
    redisReaderFeed(reader, head, strlen(head));
    redisReaderFeed(reader, text, at);
    cr_assert_eq(redisReaderGetReply(reader, &reply), REDIS_OK);
    cr_assert_not_null(reply);
    redisReaderFree(reader);
    return reply;
}

Test(fleet_event, lines_tell_what_happened)
{
    static const struct {
        const char *words, *want;
    } rows[] = {
        {"t|" T "|kind|trip|key|us-east|from|closed|to|open|ep|2|ver|1|why|row|by|r1",
         "2026-11-20 23:53:15  trip      us-east         closed -> open: row (by r1)\n"},
        {"t|" T "|kind|force|key|us-east|from|auto|to|down|ep|3|ver|2|why|-|by|a@h",
         "2026-11-20 23:53:15  force     us-east         auto -> down (by a@h)\n"},
        {"t|" T "|kind|cool|key|k|from|-|to|1795218825381|ep|3|ver|2|why|throttled|by|r1",
         "2026-11-20 23:53:15  cool      k               cooling until 2026-11-20 23:53:45: "
         "throttled (by r1)\n"},
        {"t|" T "|kind|attach|key|-|from|-|to|g1|ep|0|ver|0|why|-|by|r1",
         "2026-11-20 23:53:15  attach    -               new generation g1, before: - (by "
         "r1)\n"},
        {"t|" T "|kind|attach|key|k|from|half-open|to|open|ep|4|ver|1|why|w|by|r1",
         "2026-11-20 23:53:15  attach    k               half-open -> open: w (by r1)\n"},
        {"t|" T "|kind|join|key|-|from|-|to|-|ep|0|ver|0|why|-|by|r1",
         "2026-11-20 23:53:15  join      r1              router joined\n"},
        {"t|" T "|kind|reassert|key|k|from|auto|to|drain|why|w|by|r1",
         "2026-11-20 23:53:15  reassert  k               auto -> drain: w (by r1)\n"},
        {"t|" T "|kind|leave|by|r1",
         "2026-11-20 23:53:15  leave     r1              router left\n"},
        {"t|" T "|kind|lost|by|r1",
         "2026-11-20 23:53:15  lost      r1              router has not been heard of\n"},
        {"t|" T "|kind|new\033[2J|key|k\n|later|unknown|odd",
         "2026-11-20 23:53:15  new?[2J   k?              - -> -\n"},
    };
    struct fleet_event e;
    struct buf out;

    setenv("TZ", "UTC0", 1);
    tzset();
    buf_init(&out, 4096);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        redisReply *r = reply_of("1-0", rows[i].words);

        cr_assert(fleet_event_decode(&e, r), "row %zu", i);
        buf_clear(&out);
        cr_assert_eq(fleet_event_print(&e, false, &out), 0);
        cr_expect_str_eq(out.data, rows[i].want, "row %zu", i);
        freeReplyObject(r);
    }
    buf_release(&out);
}

Test(fleet_event, json_has_null_for_what_is_not_there)
{
    redisReply *r =
        reply_of("5-1", "t|" T "|kind|force|key|k|from|auto|to|up|ep|3|ver|2|why|-|by|"
                        "a@h");
    struct json_out o;
    struct fleet_event e;
    struct buf out;

    cr_assert(fleet_event_decode(&e, r));
    buf_init(&out, 4096);
    json_out_init(&o, &out, false);
    fleet_event_json(&e, &o);
    cr_assert_eq(json_out_finish(&o), 0);
    cr_expect_str_eq(out.data,
                     "{\"id\":\"5-1\",\"time_ms\":" T ",\"kind\":\"force\",\"region\":\"k\","
                     "\"from\":\"auto\",\"to\":\"up\",\"epoch\":3,\"version\":2,\"why\":null,"
                     "\"by\":\"a@h\"}");
    buf_release(&out);
    freeReplyObject(r);
}

Test(fleet_event, long_fields_are_cut_and_rubbish_refused)
{
    char words[1000], id[64];
    struct fleet_event e;
    redisReply *r;

    snprintf(words, sizeof(words), "key|%0*d|t|-5|ep|x", 500, 7);
    r = reply_of("1-0", words);
    cr_expect(fleet_event_decode(&e, r));
    cr_expect_eq(strlen(e.slot), sizeof(e.slot) - 1);
    cr_expect_eq(e.t_ms, 0);
    cr_expect_eq(e.ep, 0);
    freeReplyObject(r);

    snprintf(id, sizeof(id), "%0*d", FLEET_EVENT_ID_MAX, 1);
    r = reply_of(id, "t|1");
    cr_expect(fleet_event_decode(&e, r));
    freeReplyObject(r);
    snprintf(id, sizeof(id), "%0*d", FLEET_EVENT_ID_MAX + 1, 1);
    r = reply_of(id, "t|1");
    cr_expect_not(fleet_event_decode(&e, r));
    freeReplyObject(r);
    r = reply_of("", "t|1");
    cr_expect_not(fleet_event_decode(&e, r));
    cr_expect_not(fleet_event_decode(&e, r->element[1]));
    cr_expect_not(fleet_event_decode(&e, NULL));
    freeReplyObject(r);
}
