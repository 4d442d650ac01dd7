/* test_handover.c - what one program tells the next. */
#include "router/handover.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void fill(struct handover *h)
{
    handover_init(h);
    h->listen = xstrdup("[::1]:8080");
    h->admin_listen = xstrdup("");
    for (int fd = 5; fd < 8; fd++)
        handover_add(&h->sockets, fd);
    handover_add(&h->serving, 840);
    handover_add(&h->draining, 831);
    handover_add(&h->draining, 832);
}

static bool same(const struct handover_list *a, const struct handover_list *b)
{
    return a->n == b->n && memcmp(a->at, b->at, (size_t)a->n * sizeof(*a->at)) == 0;
}

Test(handover, arrives_as_it_was_sent)
{
    struct handover sent, came;
    struct err err = {0};

    fill(&sent);
    handover_init(&came);
    cr_expect_eq(handover_take(&came, 812, &err), 0, "there is none yet");
    cr_assert_eq(handover_give(&sent, 812, &err), 0, "%s", err.msg);
    cr_assert_eq(handover_take(&came, 812, &err), 1, "%s", err.msg);
    cr_expect_str_eq(came.listen, sent.listen);
    cr_expect_str_eq(came.admin_listen, "");
    cr_expect_eq(came.control, -1);
    cr_expect(same(&came.sockets, &sent.sockets));
    cr_expect(same(&came.serving, &sent.serving));
    cr_expect(same(&came.draining, &sent.draining));
    handover_release(&came);
    cr_expect_eq(handover_take(&came, 812, &err), 0, "it is taken once");
    handover_release(&sent);
}

#define FINE "sluice 1\npid 9\nlisten :80\nadmin_listen :81\nsocket 5\n"

Test(handover, what_is_not_for_us_or_not_understood_is_refused)
{
    static const struct {
        const char *text;
        int want;
        const char *says;
    } rows[] = {
        {FINE, 0, NULL},
        {FINE "control 7\nserving 12\n", 0, NULL},
        {FINE "of a later version\nand another 8\nx\n", 0, NULL},
        {"sluice 2\npid 9\nlisten :80\nadmin_listen :81\nsocket 5\n", -1, "form"},
        {"", -1, "form"},
        {"sluice 1\n", -1, "no sockets"},
        {"sluice 1\npid 9\nlisten :80\nadmin_listen :81\n", -1, "no sockets"},
        {"sluice 1\npid 9\nadmin_listen :81\nsocket 5\n", -1, "no sockets"},
        {"sluice 1\nlisten :80\nadmin_listen :81\nsocket 5\n", -1, "process 9"},
        {"sluice 1\npid 8\nlisten :80\nadmin_listen :81\nsocket 5\n", -1, "process 9"},
        {"sluice 1\npid 99999999999\nlisten :80\nadmin_listen :81\nsocket 5\n", -1,
         "not well-formed"},
        {"sluice 1\npid 9\nlisten :80\nadmin_listen :81\nsocket -5\n", -1, "not well-formed"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct handover h;
        struct err err = {0};

        handover_init(&h);
        cr_expect_eq(handover_parse(&h, rows[i].text, 9, &err), rows[i].want, "row %zu: %s", i,
                     err.msg);
        if (rows[i].says != NULL)
            cr_expect_not_null(strstr(err.msg, rows[i].says), "row %zu: %s", i, err.msg);
        handover_release(&h);
    }
}

Test(handover, names_what_needs_a_restart)
{
    static const struct {
        const char *listen, *admin_listen;
        int workers;
        const char *says;
    } rows[] = {{"[::1]:8080", "", 3, NULL},
                {"[::1]:8081", "", 3, "listen changed"},
                {"[::1]:8080", ":1", 3, "admin_listen changed"},
                {"[::1]:8080", "", 2, "workers changed"}};
    struct handover h;

    fill(&h);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config conf = {.path = (char[]){"x.json"},
                              .listen = (char *)rows[i].listen,
                              .admin_listen = (char *)rows[i].admin_listen,
                              .workers = rows[i].workers};
        struct err err = {0};

        cr_expect_eq(handover_fits(&h, &conf, &err), rows[i].says == NULL ? 0 : -1);
        if (rows[i].says != NULL)
            cr_expect_not_null(strstr(err.msg, rows[i].says), "row %zu: %s", i, err.msg);
    }
    handover_release(&h);
}

Test(handover, descriptors_have_to_listen_and_pass_an_exec_on_request)
{
    struct handover h;
    struct err err = {0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    handover_init(&h);
    handover_add(&h.sockets, fd);
    cr_expect_eq(handover_check_sockets(&h, &err), -1);
    cr_expect_eq(listen(fd, 1), 0);
    cr_expect_eq(handover_check_sockets(&h, &err), 0);
    h.control = fd + 100;
    cr_expect_eq(handover_check_sockets(&h, &err), -1);
    h.control = -1;
    handover_pass_on(&h, true);
    cr_expect_eq(fcntl(fd, F_GETFD), 0);
    handover_pass_on(&h, false);
    cr_expect_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    handover_release(&h);
    close(fd);
}
