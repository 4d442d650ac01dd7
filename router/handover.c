/* handover.c - handover.h has the contract.
 *
 * The text has no secret in it, and the environment of a process is its owner's alone. */
#include "router/handover.h"

#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define NAME      "SLUICE_HANDOVER"
#define FORM      "sluice 1"
#define MAX_BYTES 65536

void handover_init(struct handover *h)
{
    *h = (struct handover){.control = -1};
}

void handover_release(struct handover *h)
{
    free(h->listen);
    free(h->admin_listen);
    free(h->sockets.at);
    free(h->serving.at);
    free(h->draining.at);
    handover_init(h);
}

void handover_add(struct handover_list *list, int value)
{
    list->at = xrealloc(list->at, (size_t)(list->n + 1) * sizeof(*list->at));
    list->at[list->n++] = value;
}

/* ---- the text ---- */

static int put_list(struct buf *out, const char *name, const struct handover_list *list)
{
    for (int i = 0; i < list->n; i++)
        if (buf_appendf(out, "%s %d\n", name, list->at[i]) < 0)
            return -1;
    return 0;
}

int handover_format(const struct handover *h, pid_t pid, struct buf *out)
{
    if (buf_appendf(out, FORM "\npid %d\nlisten %s\nadmin_listen %s\n", (int)pid, h->listen,
                    h->admin_listen) < 0 ||
        put_list(out, "socket", &h->sockets) < 0 || put_list(out, "serving", &h->serving) < 0 ||
        put_list(out, "draining", &h->draining) < 0)
        return -1;
    return h->control < 0 ? 0 : buf_appendf(out, "control %d\n", h->control);
}

static void set_text(char **at, struct str value)
{
    free(*at);
    *at = xstrndup(value.ptr, value.len);
}

/* A name whose value is a number; false: it is none of ours. */
static bool take_number(struct handover *h, int64_t *pid, struct str name, int n)
{
    if (str_eqz(name, "pid"))
        *pid = n;
    else if (str_eqz(name, "socket"))
        handover_add(&h->sockets, n);
    else if (str_eqz(name, "control"))
        h->control = n;
    else if (str_eqz(name, "serving"))
        handover_add(&h->serving, n);
    else if (str_eqz(name, "draining"))
        handover_add(&h->draining, n);
    else
        return false;
    return true;
}

/* One line.  *pid becomes that of the text. */
static int read_line(struct handover *h, struct str line, int64_t *pid, struct err *err)
{
    struct str value, name = str_split(line, ' ', &value);
    int64_t n = -1;

    if (str_eqz(name, "listen"))
        set_text(&h->listen, value);
    else if (str_eqz(name, "admin_listen"))
        set_text(&h->admin_listen, value);
    else if (!str_to_whole(value, INT_MAX, &n))
        n = -1;
    if (take_number(h, pid, name, (int)n) && n < 0)
        return err_set(err, ERR_SYNTAX, NAME " is not well-formed");
    return 0;
}

int handover_parse(struct handover *h, const char *text, pid_t pid, struct err *err)
{
    struct str rest, line = str_split(str_of(text), '\n', &rest);
    int64_t whose = 0;

    if (!str_eqz(line, FORM))
        return err_set(err, ERR_SYNTAX, NAME " has a form that this version does not know");
    while (rest.len > 0) {
        line = str_split(rest, '\n', &rest);
        if (read_line(h, line, &whose, err) < 0)
            return -1;
    }
    if (h->listen == NULL || h->admin_listen == NULL || h->sockets.n == 0)
        return err_set(err, ERR_SYNTAX, NAME " has no sockets");
    if (whose != pid)
        return err_set(err, ERR_SYNTAX, NAME " is not of process %d", (int)pid);
    return 0;
}

/* ---- the environment ---- */

int handover_take(struct handover *h, pid_t pid, struct err *err)
{
    const char *text = getenv(NAME);
    int rc;

    if (text == NULL)
        return 0;
    rc = handover_parse(h, text, pid, err) < 0 ? -1 : 1;
    handover_forget();
    return rc;
}

int handover_give(const struct handover *h, pid_t pid, struct err *err)
{
    struct buf text;
    int rc = 0;

    buf_init(&text, MAX_BYTES);
    if (handover_format(h, pid, &text) < 0)
        rc = err_set(err, ERR_LIMIT, "too many sockets and workers to hand over");
    else if (setenv(NAME, text.data, 1) < 0)
        rc = err_set(err, ERR_IO, "setenv: %s", strerror(errno));
    buf_release(&text);
    return rc;
}

void handover_forget(void)
{
    unsetenv(NAME);
}

/* ---- the sockets ---- */

int handover_fits(const struct handover *h, const struct config *conf, struct err *err)
{
    const char *changed = strcmp(h->listen, conf->listen) != 0               ? "listen"
                          : strcmp(h->admin_listen, conf->admin_listen) != 0 ? "admin_listen"
                          : h->sockets.n != conf->workers                    ? "workers"
                                                                             : NULL;

    if (changed == NULL)
        return 0;
    return err_set(
        err, ERR_CONFLICT,
        "config '%s': %s changed, which needs a restart: the sockets are handed over "
        "as they are",
        conf->path, changed);
}

static void pass_one(int fd, bool pass)
{
    fcntl(fd, F_SETFD, pass ? 0 : FD_CLOEXEC);
}

void handover_pass_on(const struct handover *h, bool pass)
{
    for (int i = 0; i < h->sockets.n; i++)
        pass_one(h->sockets.at[i], pass);
    if (h->control >= 0)
        pass_one(h->control, pass);
}

static bool listens(int fd)
{
    int on = 0;
    socklen_t len = sizeof(on);

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 && on != 0;
}

int handover_check_sockets(const struct handover *h, struct err *err)
{
    for (int i = 0; i < h->sockets.n; i++)
        if (!listens(h->sockets.at[i]))
            return err_set(err, ERR_IO, "descriptor %d, handed over, does not listen",
                           h->sockets.at[i]);
    if (h->control >= 0 && !listens(h->control))
        return err_set(err, ERR_IO, "descriptor %d, handed over, does not listen", h->control);
    return 0;
}
