/* tls.c - TLS towards Redis, by OpenSSL under a libevent bufferevent.
 *
 * The peer is verified inside the handshake, so nothing of ours, a password least of all, is
 * sent to a server that is not the one the URL names.
 */
#include "redis/tls.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct redis_tls {
    SSL_CTX *ctx;
    int refs;
};

static bool is_set(const char *file)
{
    return file != NULL && file[0] != '\0';
}

/* OpenSSL's own words, without its codes and functions. */
static const char *first_reason(void)
{
    unsigned long code = ERR_peek_error(); /* the deepest: those behind it say less */
    const char *reason = NULL;

    if (ERR_SYSTEM_ERROR(code))
        reason = strerror(ERR_GET_REASON(code));
    else if (code != 0)
        reason = ERR_reason_error_string(code);
    ERR_clear_error();
    return reason != NULL ? reason : "no reason is known";
}

/* A file of revocation lists alone is read without a fault, and trusts nobody. */
static bool has_certificate(SSL_CTX *ctx)
{
    STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(SSL_CTX_get_cert_store(ctx));

    for (int i = 0; i < sk_X509_OBJECT_num(all); i++)
        if (X509_OBJECT_get_type(sk_X509_OBJECT_value(all, i)) == X509_LU_X509)
            return true;
    return false;
}

static int load_authorities(SSL_CTX *ctx, const char *setting, const char *file,
                            struct err *err)
{
    if (SSL_CTX_load_verify_file(ctx, file) != 1)
        return err_set(err, ERR_IO, "%s '%s' cannot be read as PEM certificates: %s", setting,
                       file, first_reason());
    if (!has_certificate(ctx))
        return err_set(err, ERR_IO, "%s '%s' holds no certificate, want those of authorities",
                       setting, file);
    return 0;
}

/* The folder and the file that OpenSSL was built with.  A host need not have the file. */
static bool load_built_in(SSL_CTX *ctx)
{
    if (SSL_CTX_load_verify_dir(ctx, X509_get_default_cert_dir()) != 1)
        return false;
    SSL_CTX_load_verify_file(ctx, X509_get_default_cert_file());
    ERR_clear_error();
    return true;
}

static int load_trust(SSL_CTX *ctx, const struct redis_tls_conf *conf, struct err *err)
{
    if (is_set(conf->ca_file))
        return load_authorities(ctx, "redis.ca_file", conf->ca_file, err);
    if (conf->heeds_environment ? SSL_CTX_set_default_verify_paths(ctx) == 1
                                : load_built_in(ctx))
        return 0;
    return err_set(err, ERR_IO, "the system's certificate authorities cannot be read: %s",
                   first_reason());
}

static int load_identity(SSL_CTX *ctx, const struct redis_tls_conf *conf, struct err *err)
{
    if (is_set(conf->cert_file) != is_set(conf->key_file))
        return err_set(
            err, ERR_CONFLICT,
            "redis.cert_file and redis.key_file go together, one of them is missing");
    if (!is_set(conf->cert_file))
        return 0;
    if (SSL_CTX_use_certificate_chain_file(ctx, conf->cert_file) != 1)
        return err_set(err, ERR_IO,
                       "redis.cert_file '%s' cannot be read as PEM certificates: %s",
                       conf->cert_file, first_reason());
    if (SSL_CTX_use_PrivateKey_file(ctx, conf->key_file, SSL_FILETYPE_PEM) != 1)
        return err_set(err, ERR_IO,
                       "redis.key_file '%s' cannot be read as the certificate's PEM key: %s",
                       conf->key_file, first_reason());
    return 0;
}

/* A key with a passphrase would have OpenSSL ask the terminal. */
static int no_passphrase(char *out, int size, int writes, void *arg)
{
    (void)out, (void)size, (void)writes, (void)arg;
    return -1;
}

static SSL_CTX *new_context(struct err *err)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    if (ctx == NULL)
        err_set(err, ERR_IO, "OpenSSL cannot be started: %s", first_reason());
    return ctx;
}

int redis_tls_check_authorities(const char *setting, const char *file, struct err *err)
{
    SSL_CTX *ctx = new_context(err);
    int rc = ctx != NULL ? load_authorities(ctx, setting, file, err) : -1;

    SSL_CTX_free(ctx);
    return rc;
}

struct redis_tls *redis_tls_new(const struct redis_tls_conf *conf, struct err *err)
{
    SSL_CTX *ctx = new_context(err);

    if (ctx == NULL)
        return NULL;
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    if (load_trust(ctx, conf, err) < 0 || load_identity(ctx, conf, err) < 0) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    /* A reply says itself where it ends, so a close without TLS' goodbye hides nothing. */
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);

    struct redis_tls *t = xcalloc(1, sizeof(*t));

    t->ctx = ctx;
    t->refs = 1;
    return t;
}

int redis_tls_of(struct redis_tls **out, const struct redis_url *url,
                 const struct redis_tls_conf *conf, struct err *err)
{
    *out = NULL;
    if (!url->tls)
        return 0;
    *out = redis_tls_new(conf, err);
    return *out != NULL ? 0 : err_wrap(err, "Redis URL with TLS");
}

struct redis_tls *redis_tls_hold(struct redis_tls *t)
{
    if (t != NULL)
        t->refs++;
    return t;
}

void redis_tls_drop(struct redis_tls *t)
{
    if (t == NULL || --t->refs > 0)
        return;
    SSL_CTX_free(t->ctx);
    free(t);
}

/* An address is looked for among the certificate's addresses, a name among its names, and only
 * a name is sent along (SNI, RFC 6066 section 3). */
static bool expect_host(SSL *ssl, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

    if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1)
        return true;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 &&
           SSL_set_tlsext_host_name(ssl, host) == 1;
}

struct bufferevent *redis_tls_connect(struct redis_tls *t, struct event_base *base, int fd,
                                      const char *host)
{
    SSL *ssl = SSL_new(t->ctx);
    struct bufferevent *bev = NULL;

    if (ssl != NULL && expect_host(ssl, host))
        bev = bufferevent_openssl_socket_new(base, fd, ssl, BUFFEREVENT_SSL_CONNECTING,
                                             BEV_OPT_CLOSE_ON_FREE);
    if (bev == NULL) {
        SSL_free(ssl);
        ERR_clear_error();
        return NULL;
    }
    bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
    return bev;
}

static void say_verify(long verdict, const char *host, char *out, size_t cap)
{
    switch (verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        snprintf(out, cap, "TLS: the certificate of %s has expired", host);
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        snprintf(out, cap,
                 "TLS: the certificate of %s is not valid yet (is this host's clock right?)",
                 host);
        break;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        snprintf(out, cap,
                 "TLS: the certificate of %s is of an authority that is not trusted (name its "
                 "file in redis.ca_file)",
                 host);
        break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        snprintf(out, cap, "TLS: the certificate is for another name than %s", host);
        break;
    default:
        snprintf(out, cap, "TLS: the certificate of %s is refused: %s", host,
                 X509_verify_cert_error_string(verdict));
    }
}

bool redis_tls_why(struct bufferevent *bev, const char *host, char *out, size_t cap)
{
    unsigned long code = bufferevent_get_openssl_error(bev);
    SSL *ssl = bufferevent_openssl_get_ssl(bev);
    long verdict = ssl != NULL ? SSL_get_verify_result(ssl) : X509_V_OK;

    /* libevent also gives SSL_get_error's verdict as a code: it has no library in it. */
    if (code == 0 || ERR_SYSTEM_ERROR(code) || ERR_GET_LIB(code) == 0)
        return false;
    switch (ERR_GET_REASON(code)) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
        say_verify(verdict, host, out, cap);
        break;
    case SSL_R_WRONG_VERSION_NUMBER:
        snprintf(out, cap, "TLS: %s does not speak TLS on this port", host);
        break;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
        snprintf(out, cap, "TLS: %s speaks no version from 1.2 on", host);
        break;
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
        snprintf(
            out, cap,
            "TLS: %s refused us: it wants a client certificate (redis.cert_file), or shares "
            "no cipher with us",
            host);
        break;
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
        snprintf(out, cap, "TLS: %s refused our certificate (redis.cert_file): %s", host,
                 ERR_reason_error_string(code));
        break;
    default: {
        const char *reason = ERR_reason_error_string(code);

        snprintf(out, cap, "TLS with %s failed: %s", host, reason != NULL ? reason : "unknown");
    }
    }
    return true;
}

bool redis_tls_flush(struct bufferevent *bev)
{
    SSL *ssl = bufferevent_openssl_get_ssl(bev);
    struct evbuffer *out = bufferevent_get_output(bev);
    size_t len;
    int n = 1;

    if (ssl == NULL)
        return false;
    evbuffer_unfreeze(out, 1); /* a bufferevent keeps the front of its output frozen */
    while (n > 0 && (len = evbuffer_get_length(out)) > 0) {
        n = SSL_write(ssl, evbuffer_pullup(out, -1), len < INT_MAX ? (int)len : INT_MAX);
        if (n > 0)
            evbuffer_drain(out, (size_t)n);
    }
    evbuffer_freeze(out, 1);
    ERR_clear_error();
    return true;
}
