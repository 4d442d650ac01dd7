/* tls.h - TLS towards Redis: whom to trust, and what went wrong in one sentence. */
#ifndef REDIS_TLS_H
#define REDIS_TLS_H

#include "base/base.h"
#include "base/err.h"
#include "redis/url.h"

#include <stdbool.h>
#include <stddef.h>

struct bufferevent;
struct event_base;
struct redis_tls; /* counted: links share one */

struct redis_tls_conf {     /* PEM files; NULL or "": none */
    const char *ca_file;    /* the authorities to trust instead of the system's */
    const char *cert_file;  /* what we show a server that asks (tls-auth-clients yes) ... */
    const char *key_file;   /* ... and its key */
    bool heeds_environment; /* SSL_CERT_FILE and SSL_CERT_DIR may name the system's */
};

/* Could a TLS library trust whom file names?  -1 with err: setting and file, and that it does not
 * open, is no PEM, or holds no certificate. */
int redis_tls_check_authorities(const char *setting, const char *file,
                                struct err *err) MUST_CHECK;

/* Reads the files now.  NULL with err, which names the file and the key of the config. */
struct redis_tls *redis_tls_new(const struct redis_tls_conf *conf, struct err *err) MUST_CHECK;
/* The same where the URL wants it; *out is NULL where it does not. */
int redis_tls_of(struct redis_tls **out, const struct redis_url *url,
                 const struct redis_tls_conf *conf, struct err *err) MUST_CHECK;
struct redis_tls *redis_tls_hold(struct redis_tls *t); /* NULL is fine, here and below */
void redis_tls_drop(struct redis_tls *t);

/* A TLS client on fd, which it owns from here; BEV_EVENT_CONNECTED says that the handshake is
 * done, and that the certificate is trusted, in time, and issued to host (RFC 6125; an address
 * must be in it as an IP address).  NULL: out of memory, and fd is still the caller's. */
struct bufferevent *redis_tls_connect(struct redis_tls *t, struct event_base *base, int fd,
                                      const char *host) MUST_CHECK;

/* Why a connection made by redis_tls_connect broke: "the certificate of HOST has expired".
 * false: not for a reason of TLS. */
bool redis_tls_why(struct bufferevent *bev, const char *host, char *out, size_t cap) MUST_CHECK;

/* Writes what waits in bev as far as the socket takes it now.  false: bev has no TLS. */
bool redis_tls_flush(struct bufferevent *bev);

#endif
