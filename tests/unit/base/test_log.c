/* test_log.c - what reaches the log: levels, one clean line per call, and no more than allowed.
 */
#include "base/log.h"

#include "base/base.h"
#include "base/clock.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KEPT 64

/* Each test runs in a process of its own, so this starts empty. */
static struct {
    char line[KEPT][1100];
    enum log_level level[KEPT];
    int n;
} got;

static void keep(enum log_level level, const char *line)
{
    if (got.n < KEPT) {
        size_t len = strnlen(line, sizeof(got.line[0]) - 1);

        memcpy(got.line[got.n], line, len);
        got.line[got.n][len] = '\0';
        got.level[got.n] = level;
    }
    got.n++;
}

/* The text behind time, level and pid. */
static const char *text(int i)
{
    const char *p = got.line[i];

    for (int spaces = 0; spaces < 3 && p != NULL; spaces++)
        p = strchr(p, ' ') != NULL ? strchr(p, ' ') + 1 : NULL;
    return p != NULL ? p : "";
}

Test(log, line_has_date_time_zone_level_pid_where_and_id)
{
    struct log_ctx ctx = {.where = "request", .id = "7f3a91"}, no_id = {.where = "store"};
    int year, month, day, h, m, s, ms, zone_h, zone_m, pid;
    char level, sign;

    log_set_sink(keep);
    log_at(LOG_WARN, &ctx, "attempt ended region=%s", "eu-west");
    log_at(LOG_ERROR, &no_id, "gone");
    log_at(LOG_INFO, NULL, "started");
    cr_assert_eq(got.n, 3);
    cr_assert_eq(sscanf(got.line[0], "%4d-%2d-%2dT%2d:%2d:%2d.%3d%c%2d:%2d %c %d ", &year,
                        &month, &day, &h, &m, &s, &ms, &sign, &zone_h, &zone_m, &level, &pid),
                 12);
    cr_expect_eq(level, 'W');
    cr_expect_eq(pid, (int)getpid());
    cr_expect_str_eq(text(0), "request 7f3a91 attempt ended region=eu-west");
    cr_expect_str_eq(text(1), "store gone");
    cr_expect_str_eq(text(2), "sluice started");
    cr_expect_eq(got.level[1], LOG_ERROR);
}

Test(log, time_is_the_hosts_with_its_zone)
{
    static const struct {
        const char *tz, *zone;
    } rows[] = {{"UTC0", "+00:00"},
                {"XXX-5:30", "+05:30"},
                {"XXX3:30", "-03:30"},
                {"XXX0:30", "-00:30"}};

    log_set_sink(keep);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char zone[8] = "";

        setenv("TZ", rows[i].tz, 1);
        tzset();
        got.n = 0;
        log_at(LOG_INFO, NULL, "x");
        cr_assert_eq(sscanf(got.line[0], "%*23s%6s ", zone), 1, "%s", got.line[0]);
        cr_expect_str_eq(zone, rows[i].zone, "row '%s': %s", rows[i].tz, got.line[0]);
    }
}

Test(log, levels)
{
    static const struct {
        enum log_level set;
        int want;
    } cases[] = {{LOG_ERROR, 1}, {LOG_WARN, 2}, {LOG_INFO, 3}, {LOG_DEBUG, 4}};

    log_set_sink(keep);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        got.n = 0;
        log_set_level(cases[i].set);
        for (int l = LOG_ERROR; l <= LOG_DEBUG; l++)
            log_at((enum log_level)l, NULL, "x");
        cr_expect_eq(got.n, cases[i].want, "row %zu: %d", i, got.n);
    }
}

Test(log, info_is_the_default)
{
    log_set_sink(keep);
    log_at(LOG_DEBUG, NULL, "x");
    cr_expect_eq(got.n, 0);
    log_at(LOG_INFO, NULL, "x");
    cr_expect_eq(got.n, 1);
}

Test(log, level_names)
{
    static const char *const bad[] = {"", "WARN", "warning", "inf", "infox", "4"};
    enum log_level l = LOG_DEBUG;

    cr_expect_eq(log_level_parse("error", &l), 0);
    cr_expect_eq(l, LOG_ERROR);
    cr_expect_eq(log_level_parse("debug", &l), 0);
    cr_expect_eq(l, LOG_DEBUG);
    cr_expect_eq(log_level_parse("info", &l), 0);
    cr_expect_eq(log_level_parse("warn", &l), 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_expect_eq(log_level_parse(bad[i], &l), -1, "'%s'", bad[i]);
    cr_expect_eq(l, LOG_WARN, "left alone");
}

Test(log, nobody_can_forge_a_line)
{
    static const struct {
        const char *in, *want;
    } cases[] = {
        {"a\nb", "a?b"},
        {"a\r\nb", "a??b"},
        {"a\tb", "a?b"},
        {"\x1b[31mred", "?[31mred"},
        {"\x7f", "?"},
        {"\x01\x1f ", "?? "},
        {"caf\xc3\xa9", "caf\xc3\xa9"},
        {"\xc2\x9b"
         "31m",
         "??31m"}, /* U+009B opens an escape sequence like ESC [ */
        {"\xc2\x80\xc2\x9f\xc2\xa0", "????\xc2\xa0"},
        {"\xc2", "\xc2"},
        {"a\xe2\x80\xae"
         "b\xd8\x9c\xe2\x80\xa9",
         "a???b??\xe2\x80\xa9"}, /* U+202E and U+061C turn what follows, U+2029 does not */
    };
    struct log_ctx ctx = {.where = "request", .id = "a\nb"};

    log_set_sink(keep);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        got.n = 0;
        log_at(LOG_INFO, NULL, "%s", cases[i].in);
        cr_assert_eq(got.n, 1);
        cr_expect_str_eq(text(0) + strlen("sluice "), cases[i].want, "row %zu: %s", i, text(0));
    }
    got.n = 0;
    log_at(LOG_INFO, &ctx, "x");
    cr_expect_str_eq(text(0), "request a?b x");
}

Test(log, long_lines_are_cut)
{
    char big[3000];

    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    log_set_sink(keep);
    log_at(LOG_INFO, NULL, "%s", big);
    cr_assert_eq(got.n, 1);
    cr_expect_eq(strlen(got.line[0]), 1023u);
}

Test(log, stderr_gets_one_line_with_its_newline)
{
    int fds[2];
    char text_read[256];

    cr_assert_eq(pipe(fds), 0);
    int saved = dup(STDERR_FILENO);

    cr_assert_geq(saved, 0);
    dup2(fds[1], STDERR_FILENO);
    log_at(LOG_INFO, NULL, "hello");
    dup2(saved, STDERR_FILENO);
    close(fds[1]);
    ssize_t n = read(fds[0], text_read, sizeof(text_read) - 1);

    cr_assert_gt(n, 0);
    text_read[n] = '\0';
    cr_expect_not_null(strstr(text_read, " sluice hello\n"));
    cr_expect_eq(strchr(text_read, '\n'), text_read + n - 1);
    close(fds[0]);
    close(saved);
}

/* Returns just after a new second of the monotonic clock has begun. */
static void wait_for_next_second(void)
{
    int64_t second = clock_mono_ms() / 1000;

    while (clock_mono_ms() / 1000 == second)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

Test(log, rate_is_bounded_and_the_rest_is_counted)
{
    static const struct {
        enum log_level level;
        int rate;
    } cases[] = {{LOG_INFO, 5}, {LOG_ERROR, 1}};

    log_set_sink(keep);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char want[64];

        log_set_level(cases[i].level);
        log_set_rate(cases[i].rate);
        wait_for_next_second();
        got.n = 0;
        for (int n = 0; n < 20; n++)
            log_at(LOG_ERROR, NULL, "line %d", n);
        cr_expect_eq(got.n, cases[i].rate, "row %zu: %d lines", i, got.n);
        wait_for_next_second();
        got.n = 0;
        log_at(LOG_ERROR, NULL, "after");
        cr_assert_eq(got.n, 2, "row %zu: %d lines", i, got.n);
        snprintf(want, sizeof(want), "sluice log lines dropped count=%d limit_per_s=%d",
                 20 - cases[i].rate, cases[i].rate);
        cr_expect_str_eq(text(0), want);
        cr_expect_str_eq(text(1), "sluice after");
        wait_for_next_second();
        got.n = 0;
        log_at(LOG_ERROR, NULL, "later");
        cr_expect_eq(got.n, 1, "said once");
    }
}

Test(log, filtered_lines_do_not_use_up_the_rate)
{
    log_set_sink(keep);
    log_set_rate(2);
    wait_for_next_second();
    for (int n = 0; n < 20; n++)
        log_at(LOG_DEBUG, NULL, "x");
    log_at(LOG_INFO, NULL, "x");
    log_at(LOG_INFO, NULL, "x");
    cr_expect_eq(got.n, 2);
}

Test(log, no_bound)
{
    log_set_sink(keep);
    log_set_rate(0);
    for (int n = 0; n < 2000; n++)
        log_at(LOG_INFO, NULL, "x");
    cr_expect_eq(got.n, 2000);
}
