/* run.c - one run of sluice-admin: whom it talks to and where it prints. */
#include "admin/run.h"

#include "admin/session.h"
#include "admin/connect_options.h"
#include "admin/output/table.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum run_status run_status(const struct err *err)
{
    return err->code == ERR_STORE ? RUN_NO_STORE : RUN_FAILED;
}

enum run_status run_connect(struct run *run, struct err *err)
{
    /* clang-format off */
    static const enum run_status statuses[] = {
        [CONNECT_OPTIONS_FOUND]    = RUN_OK,
        [CONNECT_OPTIONS_WRONG]    = RUN_FAILED,
        [CONNECT_OPTIONS_USAGE]    = RUN_USAGE,
        [CONNECT_OPTIONS_NO_STORE] = RUN_NO_STORE,
    };
    /* clang-format on */
    struct connect_options where;
    enum run_status status = statuses[connect_options_find(&where, run->args, err)];

    if (status == RUN_OK) {
        struct session_conf conf = {.url = where.url,
                                    .tls = {.ca_file = where.ca_file,
                                            .cert_file = where.cert_file,
                                            .key_file = where.key_file,
                                            .heeds_environment = true},
                                    .fleet = where.fleet,
                                    .connect_ms = where.connect_ms,
                                    .command_ms = where.command_ms};

        run->session = session_open(&conf, err);
        status = run->session != NULL ? RUN_OK : run_status(err);
    }
    connect_options_release(&where);
    return status;
}

enum run_status run_snapshot(struct run *run, struct snapshot *out, struct err *err)
{
    if (session_snapshot(run->session, out, err) < 0)
        return run_status(err);
    if (out->gen[0] != '\0')
        return RUN_OK;
    err_set(err, ERR_UNKNOWN_NAME,
            "no router ever joined fleet '%s' at %s: are the fleet's name (--fleet, -c FILE or "
            "SLUICE_FLEET) and the URL's database number the routers'?",
            session_fleet(run->session), session_where(run->session));
    return RUN_FAILED;
}

/* Only a write tells that the reader left, and a follower may have none for days. */
static bool reader_is_gone(FILE *out)
{
    struct pollfd p = {.fd = fileno(out)};

    return p.fd >= 0 && poll(&p, 1, 0) > 0 && (p.revents & POLLERR) != 0;
}

enum run_status run_print(struct run *run, const struct buf *out, struct err *err)
{
    if (out->len == 0 && reader_is_gone(run->out))
        errno = EPIPE;
    else if (out->len == 0 ||
             (fwrite(out->data, 1, out->len, run->out) == out->len && fflush(run->out) == 0))
        return RUN_OK;
    if (errno == EPIPE) {
        err->code = ERR_IO;
        err->msg[0] = '\0';
    } else {
        err_set(err, ERR_IO, "cannot write the output: %s", strerror(errno));
    }
    return RUN_FAILED;
}

enum run_status run_too_large(struct err *err)
{
    err_set(err, ERR_LIMIT, "the output is larger than %u MiB", RUN_OUTPUT_MAX >> 20);
    return RUN_FAILED;
}

void run_complain(FILE *to, const char *sentence)
{
    struct buf line;

    buf_init(&line, 64u << 10);
    if (sentence[0] != '\0' && buf_appendf(&line, "sluice-admin: ") == 0 &&
        table_clean(str_of(sentence), &line) == 0 && buf_append(&line, "\n", 1) == 0)
        fwrite(line.data, 1, line.len, to);
    fflush(to);
    buf_release(&line);
}

/* "a, b, c" as far as there is room. */
static void list_known(const struct snapshot *snapshot, char *out, size_t cap)
{
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < snapshot->n_slots; i++) {
        const char *name = snapshot->slots[i].line.slot;
        size_t need = strlen(name) + 2;

        if (at + need + 24 > cap) {
            snprintf(out + at, cap - at, " and %zu more", snapshot->n_slots - i);
            return;
        }
        at += (size_t)snprintf(out + at, cap - at, "%s%s", i > 0 ? ", " : "", name);
    }
}

const struct snapshot_slot *run_find_region(const struct run *run,
                                            const struct snapshot *snapshot, const char *name,
                                            struct err *err)
{
    const char **names = xcalloc(snapshot->n_slots + 1, sizeof(*names));
    const struct snapshot_slot *found = NULL;
    char known[600];

    for (size_t i = 0; i < snapshot->n_slots; i++) {
        names[i] = snapshot->slots[i].line.slot;
        if (strcmp(names[i], name) == 0)
            found = &snapshot->slots[i];
    }
    if (found == NULL) {
        const char *near = str_nearest(name, names, snapshot->n_slots);

        list_known(snapshot, known, sizeof(known));
        err_set(err, ERR_UNKNOWN_NAME, "fleet '%s' knows no region '%.130s'%s%s%s, only: %s",
                session_fleet(run->session), name, near != NULL ? " (did you mean '" : "",
                near != NULL ? near : "", near != NULL ? "'?)" : "",
                snapshot->n_slots > 0 ? known : "none");
    }
    free(names);
    return found;
}
