/* test_reference.c - the manual page has the code's settings, and the tables every row. */
#include "config/reference.h"

#include "config/settings.h"

#include <criterion/criterion.h>
#include <string.h>

#define PAGE "router/sluice.json.5"

Test(reference, the_manual_page_is_up_to_date)
{
    struct buf page, made;
    struct err err = {0};

    buf_init(&page, 2 * CONFIG_REFERENCE_MAX);
    buf_init(&made, CONFIG_REFERENCE_MAX);
    cr_assert_eq(buf_read_file(&page, PAGE, &err), 0, "%s", err.msg);
    cr_assert_eq(config_reference_mdoc(&made), 0);
    const char *begin = strstr(page.data, ".\\\" BEGIN SETTINGS");
    const char *end = strstr(page.data, ".\\\" END SETTINGS");

    cr_assert(begin != NULL && end != NULL && begin < end);
    begin = strchr(begin, '\n') + 1;
    cr_expect(str_eq((struct str){begin, (size_t)(end - begin)}, buf_str(&made)),
              PAGE " differs from the code: run scripts/check_reference.sh --update");
    buf_release(&page);
    buf_release(&made);
}

static size_t count_lines(const struct buf *b)
{
    size_t n = 0;

    for (size_t i = 0; i < b->len; i++)
        n += b->data[i] == '\n';
    return n;
}

Test(reference, a_row_per_setting)
{
    struct buf all, limits;
    size_t settings = 0, capped = 0;

    buf_init(&all, CONFIG_REFERENCE_MAX);
    buf_init(&limits, CONFIG_REFERENCE_MAX);
    cr_assert_eq(config_reference_markdown(&all), 0);
    cr_assert_eq(config_limits_markdown(&limits), 0);
    for (size_t w = 0; w < N_SETTINGS_OF; w++) {
        const struct setting_table *t = settings_table((enum settings_of)w);

        for (size_t i = 0; i < t->n; i++) {
            settings++;
            capped += t->rows[i].limit;
        }
    }
    cr_expect_eq(count_lines(&all), settings + 2, "%s", all.data);
    cr_expect_eq(count_lines(&limits), capped + 2, "%s", limits.data);
    cr_expect_not_null(strstr(all.data, "| `models.*.targets[].priority` | the region's |"));
    cr_expect_not_null(strstr(limits.data, "| `http.max_head_bytes` | 32KiB | 1KiB | 1MiB |"));
    buf_release(&all);
    buf_release(&limits);
}

Test(reference, the_cap_is_respected)
{
    struct buf b;

    buf_init(&b, 100);
    cr_expect_eq(config_reference_mdoc(&b), -1);
    cr_expect_eq(config_reference_markdown(&b), -1);
    cr_expect_eq(config_limits_markdown(&b), -1);
    buf_release(&b);
}
