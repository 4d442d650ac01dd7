/* redis_server.h - a private redis-server for one test: a unix socket and a loopback port of
 * its own, data in a temporary directory, gone with the test. */
#ifndef TESTS_UNIT_REDIS_REDIS_SERVER_H
#define TESTS_UNIT_REDIS_REDIS_SERVER_H

#include <sys/types.h>

struct redisReply;

struct redis_server {
    char dir[64], path[96]; /* path: the unix socket */
    char url[128];          /* unix://<path> */
    int port;               /* 127.0.0.1 */
    pid_t pid;              /* 0: not running */
    char options[512];
};

/* Starts one and returns when it answers PING; aborts the test after 30 s.  options is more of
 * the command line, split at spaces ("--requirepass x --maxmemory 10mb"), or ""; the word @PORT
 * becomes the port ("--port 0 --tls-port @PORT").  It dies with the calling process whatever
 * happens. */
void redis_server_start(struct redis_server *s, const char *options);
/* The same directory, socket, port and options again, after redis_server_kill. */
void redis_server_restart(struct redis_server *s);
void redis_server_pause(struct redis_server *s);  /* SIGSTOP: connected, silent */
void redis_server_resume(struct redis_server *s); /* SIGCONT */
void redis_server_kill(struct redis_server *s);   /* SIGKILL, waited for */
void redis_server_stop(struct redis_server *s);   /* kill, and the directory removed */

/* A blocking command on a connection of its own: redisCommand's format.  The caller frees with
 * freeReplyObject; aborts the test when there is no answer within 5 s. */
struct redisReply *redis_server_command(const struct redis_server *s, const char *format, ...);

#endif
