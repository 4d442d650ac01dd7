/* test_beats.c - who is silent. */
#include "router/beats.h"

#include "base/base.h"

#include <criterion/criterion.h>
#include <sys/wait.h>
#include <unistd.h>

Test(beats, silence_begins_when_nothing_was_said_for_a_while)
{
    static const struct {
        int64_t now_ms;
        bool want;
    } rows[] = {{7000, false}, {7199, false}, {7200, true}, {900000, true}};
    struct beats *b = beats_new(3);

    cr_assert_not_null(b);
    cr_expect(beats_is_silent(b, 1, 10), "a host that has just booted");
    beats_say(b, 1, 7000);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_eq(beats_is_silent(b, 1, rows[i].now_ms), rows[i].want, "row %zu", i);
    cr_expect_eq(beats_silence_ms(b, 1, 7300), 300);
    cr_expect_eq(beats_silence_ms(b, 0, 7300), 0);
    cr_expect(beats_is_silent(b, 0, 7000));
    cr_expect(beats_is_silent(b, 2, 7000));
    beats_stop(b, 1);
    cr_expect(beats_is_silent(b, 1, 7000));
    cr_expect_eq(beats_silence_ms(b, 1, 7300), 0);
    beats_free(b);
    beats_free(NULL);
}

Test(beats, are_heard_in_other_processes)
{
    struct beats *b = beats_new(2);
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        beats_say(b, 1, 5000);
        _exit(0);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_expect_not(beats_is_silent(b, 1, 5000));
    beats_free(b);
}
