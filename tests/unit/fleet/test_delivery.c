/* test_delivery.c - when a subscriber counts as dead. */
#include "fleet/delivery.h"

#include "base/base.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static const struct { /* c confirmed, l lost, g new generation, pN pushed, sN sync showed N, .
                         100 ms */
    const char *name, *story;
    bool overdue;
} rows[] = {
    {"nothing happened", "c", false},
    {"not subscribed", "s1s2....", false},
    {"the first sync only says where pushes begin", "cs7....", false},
    {"pushed before the sync", "cs1p2s2....", false},
    {"pushed a little after the sync", "cs1s2.p2....", false},
    {"pushed at the last moment", "cs1s2..p2....", false},
    {"200 ms is not yet late", "cs1s2..", false},
    {"300 ms is", "cs1s2...", true},
    {"one of two is not enough", "cs1s3.p2..", true},
    {"a later sync does not give more time", "cs1s2.s3..", true},
    {"more news while waiting", "cs1s2.s3p2..", false},
    {"lost meanwhile", "cs1s2.l....", false},
    {"confirmed anew", "cs1s2.lcs9....", false},
    {"other generation", "cs5p6gs1....", false},
};

Test(delivery, stories)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct delivery d = {0};
        int64_t now_ms = 1000;

        for (const char *c = rows[i].story; *c != '\0'; c++) {
            uint64_t n = (uint64_t)(c[1] - '0');

            if (*c == 'c')
                delivery_confirmed(&d);
            else if (*c == 'l')
                delivery_lost(&d);
            else if (*c == 'g')
                delivery_new_generation(&d);
            else if (*c == '.')
                now_ms += 100;
            else if (*c == 'p')
                delivery_push(&d, n), c++;
            else
                delivery_sync(&d, d.number, n, now_ms), c++;
        }
        cr_expect_eq(delivery_is_overdue(&d, now_ms), rows[i].overdue, "row '%s'",
                     rows[i].name);
    }
}

Test(delivery, a_sync_sent_before_the_confirmation_says_nothing)
{
    struct delivery d = {0};

    delivery_confirmed(&d);
    delivery_sync(&d, 0, 5, 1000);
    cr_expect_not(d.has_base);
    delivery_sync(&d, 1, 6, 1000);
    cr_expect(d.has_base);
    cr_expect_not(delivery_is_overdue(&d, 9999));
}
