/* test_openai_text.c - which events carry one text that another run can be held against. */
#include "dialect/openai_text.h"

#include <criterion/criterion.h>
#include <string.h>

#define CHOICE(fields) "{\"choices\":[{" fields "}]}"
#define DELTA(fields)  CHOICE("\"index\":0,\"delta\":{" fields "}")

/* clang-format off */
static const struct {
    const char *data;
    enum dialect_text want;
    const char *text;
} rows[] = {
    {"[DONE]",                                       DIALECT_TEXT_END, NULL},
    {" [DONE] ",                                     DIALECT_TEXT_END, NULL},
    {"rubbish",                                      DIALECT_TEXT_OTHER, NULL},
    {"{}",                                           DIALECT_TEXT_NONE, NULL},
    {"{\"choices\":[]}",                             DIALECT_TEXT_NONE, NULL},
    {"{\"choices\":7}",                              DIALECT_TEXT_OTHER, NULL},
    {"{\"choices\":[{},{}]}",                        DIALECT_TEXT_OTHER, NULL},
    {DELTA(""),                                      DIALECT_TEXT_NONE, NULL},
    {DELTA("\"role\":\"assistant\",\"content\":\"\""), DIALECT_TEXT_NONE, NULL},
    {DELTA("\"content\":\"a\\n\""),                   DIALECT_TEXT_ONLY, "\"a\\n\""},
    {DELTA("\"content\":[1]"),                       DIALECT_TEXT_OTHER, NULL},
    {DELTA("\"content\":\"a\",\"refusal\":\"b\""),   DIALECT_TEXT_OTHER, NULL},
    {DELTA("\"reasoning\":\"b\""),                   DIALECT_TEXT_OTHER, NULL},
    {CHOICE("\"text\":\"a\""),                       DIALECT_TEXT_ONLY, "\"a\""},
    {CHOICE("\"text\":\"a\",\"delta\":{\"content\":\"b\"}"), DIALECT_TEXT_OTHER, NULL},
    {CHOICE("\"index\":1,\"text\":\"a\""),           DIALECT_TEXT_OTHER, NULL},
    {CHOICE("\"text\":\"a\",\"logprobs\":{\"x\":1}"), DIALECT_TEXT_OTHER, NULL},
    {CHOICE("\"delta\":null"),                       DIALECT_TEXT_NONE, NULL},
    {CHOICE("\"delta\":7"),                          DIALECT_TEXT_OTHER, NULL},
};
/* clang-format on */

Test(openai_text, rows)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str data = str_of(rows[i].data), text = {NULL, 0};

        cr_expect_eq(openai_text_read(data, &text), rows[i].want, "%s", rows[i].data);
        if (rows[i].text != NULL)
            cr_expect(str_eqz(text, rows[i].text) && text.ptr > data.ptr, "%s", rows[i].data);
    }
}
