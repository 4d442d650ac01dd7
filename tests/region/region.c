/* region.c - listeners of the simulated region; region.h has the contract.
 *
 * REFUSING  A closed door must answer every connect with a refusal, and must be able to open
 * again on its port.  A second socket, bound to the same port and never listening, keeps the
 * port ours meanwhile. */
#include "tests/region/region.h"

#include "base/clock.h"
#include "tests/region/peer.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG    4096
#define BREATH_MS  50
#define ACCEPT_MAX 64 /* connections taken in one turn of the loop */

static struct timeval in_ms(int64_t ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
}

static int bind_to(const struct sockaddr *addr, socklen_t len)
{
    int on = 1;
    int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0 &&
        bind(fd, addr, len) == 0)
        return fd;
    close(fd);
    return -1;
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
    struct region_door *door = arg;
    int on = 1;

    (void)what;
    for (int i = 0; i < ACCEPT_MAX; i++) {
        int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (peer < 0 && (errno == EMFILE || errno == ENFILE)) {
            event_del(door->accept);
            event_add(door->region->breath, &(struct timeval){.tv_usec = BREATH_MS * 1000});
        }
        if (peer < 0)
            return;
        setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        peer_new(door->region, peer);
    }
}

static int door_open(struct region_door *door)
{
    int fd = bind_to((struct sockaddr *)&door->addr, door->addr_len);

    if (fd < 0 || listen(fd, BACKLOG) < 0) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    door->fd = fd;
    door->accept = event_new(door->region->base, fd, EV_READ | EV_PERSIST, on_accept, door);
    event_add(door->accept, NULL);
    return 0;
}

static void door_close(struct region_door *door)
{
    if (door->fd < 0)
        return;
    event_free(door->accept);
    close(door->fd);
    door->accept = NULL;
    door->fd = -1;
}

static int resolve(struct region_door *door, const char *where, struct err *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST}, *found;
    const char *colon = strrchr(where, ':');
    char *host;
    int rc;

    if (colon == NULL)
        return err_set(err, ERR_SYNTAX, "'%s' is not HOST:PORT", where);
    host = xstrndup(where, (size_t)(colon - where));
    rc = getaddrinfo(host, colon + 1, &hints, &found);
    free(host);
    if (rc != 0)
        return err_set(err, ERR_SYNTAX, "'%s' is not an address: %s", where, gai_strerror(rc));
    memcpy(&door->addr, found->ai_addr, found->ai_addrlen);
    door->addr_len = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

static int door_ask(struct region_door *door, const char *where, struct err *err)
{
    struct sockaddr *addr = (struct sockaddr *)&door->addr;

    if (resolve(door, where, err) < 0)
        return -1;
    door->holder = bind_to(addr, door->addr_len);
    if (door->holder < 0 || getsockname(door->holder, addr, &door->addr_len) < 0 ||
        door_open(door) < 0)
        return err_set(err, ERR_IO, "cannot listen on '%s': %s", where, strerror(errno));
    return 0;
}

static void door_release(struct region_door *door)
{
    door_close(door);
    if (door->holder >= 0)
        close(door->holder);
    door->holder = -1;
}

int region_port(const struct region_door *door)
{
    const struct sockaddr_storage *a = &door->addr;

    if (a->ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)a)->sin6_port);
    return a->ss_family == AF_INET ? ntohs(((const struct sockaddr_in *)a)->sin_port) : 0;
}

void region_apply_faults(struct region *r)
{
    int64_t now_ms = clock_mono_ms(), until_ms = fault_set_refuse_until(&r->faults);

    event_del(r->heal);
    if (!fault_set_refuses(&r->faults, now_ms)) {
        if (r->door.fd < 0 && door_open(&r->door) < 0) { /* somebody took the port: try again */
            struct timeval again = in_ms(BREATH_MS);

            event_add(r->heal, &again);
        }
        return;
    }
    door_close(&r->door);
    peer_close_idle(r);
    if (until_ms > now_ms) {
        struct timeval wait = in_ms(until_ms - now_ms);

        event_add(r->heal, &wait);
    }
}

static void on_heal(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    region_apply_faults(arg);
}

static void on_breath(evutil_socket_t fd, short what, void *arg)
{
    struct region *r = arg;

    (void)fd, (void)what;
    if (r->door.fd >= 0)
        event_add(r->door.accept, NULL);
    if (r->control.fd >= 0)
        event_add(r->control.accept, NULL);
}

struct region *region_new(struct event_base *base, const struct region_conf *conf,
                          struct err *err)
{
    struct region *r = xcalloc(1, sizeof(*r));

    r->conf = *conf;
    r->base = base;
    r->door = r->control = (struct region_door){.region = r, .fd = -1, .holder = -1};
    r->heal = event_new(base, -1, 0, on_heal, r);
    r->breath = event_new(base, -1, 0, on_breath, r);
    journal_init(&r->journal, conf->log_max, conf->log_file);
    TAILQ_INIT(&r->peers);
    buf_init(&r->memo_body, 64u << 10);
    buf_init(&r->memo_answer, 64u << 20);
    if (door_ask(&r->door, conf->listen, err) < 0 ||
        (conf->control != NULL && door_ask(&r->control, conf->control, err) < 0)) {
        region_free(r);
        return NULL;
    }
    return r;
}

void region_free(struct region *r)
{
    if (r == NULL)
        return;
    peer_close_all(r);
    door_release(&r->door);
    door_release(&r->control);
    event_free(r->heal);
    event_free(r->breath);
    fault_set_clear(&r->faults);
    journal_release(&r->journal);
    buf_release(&r->memo_body);
    buf_release(&r->memo_answer);
    free(r);
}
