/* ports.c - ports.h has the contract. */
#include "router/ports.h"

#include "base/log.h"
#include "http/listener.h"

#include <stdlib.h>
#include <unistd.h>

/* Another program's sockets with SO_REUSEPORT would silently share the port with ours: a bind
 * without it tells. */
static int check_free(const char *addr, struct err *err)
{
    int fd = listener_bind(addr, false, err);

    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

int ports_open(struct ports *p, const struct config *conf, struct err *err)
{
    p->client = xcalloc((size_t)conf->workers, sizeof(*p->client));
    if (check_free(conf->listen, err) < 0)
        return err_wrap(err, "listen");
    while (p->n_client < conf->workers) {
        int fd = listener_bind(conf->listen, true, err);

        if (fd < 0)
            return err_wrap(err, "listen");
        p->client[p->n_client++] = fd;
    }
    log_at(LOG_INFO, NULL, "listening address=%s workers=%d", conf->listen, conf->workers);
    if (conf->admin_listen[0] == '\0')
        return 0;
    p->control = listener_bind(conf->admin_listen, false, err);
    if (p->control < 0)
        return err_wrap(err, "admin_listen");
    log_at(LOG_INFO, NULL, "control listening address=%s", conf->admin_listen);
    return 0;
}

int ports_adopt(struct ports *p, const struct handover *h, struct err *err)
{
    if (handover_check_sockets(h, err) < 0)
        return -1;
    handover_pass_on(h, false);
    p->client = xcalloc((size_t)h->sockets.n, sizeof(*p->client));
    for (int i = 0; i < h->sockets.n; i++)
        p->client[p->n_client++] = h->sockets.at[i];
    p->control = h->control;
    return 0;
}

void ports_refuse(const struct ports *p)
{
    for (int i = 0; i < p->n_client; i++)
        listener_close(p->client[i]);
}

void ports_close(struct ports *p)
{
    for (int i = 0; i < p->n_client; i++)
        close(p->client[i]);
    if (p->control >= 0)
        close(p->control);
    free(p->client);
    *p = (struct ports){.control = -1};
}
