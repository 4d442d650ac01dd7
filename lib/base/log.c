/* log.c - one line per event on stderr; log.h has the contract. */
#include "base/log.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

/* The one mutable global the house allows: where lines go. */
static struct {
    enum log_level level;
    int per_s, used;
    int64_t second, dropped;
    void (*sink)(enum log_level level, const char *line);
} out = {.level = LOG_INFO, .per_s = 500};

static const char *const names[] = {
    [LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"};

void log_set_level(enum log_level level)
{
    out.level = level;
}

bool log_is_on(enum log_level level)
{
    return level <= out.level;
}

int log_level_parse(const char *name, enum log_level *level)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            *level = (enum log_level)i;
            return 0;
        }
    }
    return -1;
}

void log_set_rate(int lines_per_s)
{
    out.per_s = lines_per_s;
}

void log_set_sink(void (*sink)(enum log_level level, const char *line))
{
    out.sink = sink;
}

/* Bytes of the character there, if it would act on whoever reads the line. */
static size_t control_bytes(const char *at, size_t left)
{
    const unsigned char *p = (const unsigned char *)at;
    size_t len = utf8_len(p, left);

    return len > 0 && utf8_steers(utf8_get(p, len)) ? len : 0;
}

static void emit(enum log_level level, char *line, size_t len)
{
    for (size_t i = 0; i < len; i++)
        memset(line + i, '?', control_bytes(line + i, len - i));
    if (out.sink != NULL) {
        out.sink(level, line);
        return;
    }
    line[len] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, len + 1); /* one write: lines never mix */

    (void)ignored;
}

/* The host's date and time with its zone (RFC 3339 section 5.6), so that lines of several hosts
 * can be laid beside each other and beside what sluice-admin prints. */
static size_t put_time(char *line, size_t cap)
{
    int64_t now_ms = clock_wall_ms();
    time_t now_s = (time_t)(now_ms / 1000);
    struct tm tm;

    localtime_r(&now_s, &tm);
    long zone_min = tm.tm_gmtoff / 60, away_min = zone_min < 0 ? -zone_min : zone_min;
    int n =
        snprintf(line, cap, "%04d-%02d-%02dT%02d:%02d:%02d.%03d%c%02ld:%02ld",
                 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                 (int)(now_ms % 1000), zone_min < 0 ? '-' : '+', away_min / 60, away_min % 60);

    return n > 0 && (size_t)n < cap ? (size_t)n : 0;
}

static size_t put_prefix(char *line, size_t cap, enum log_level level,
                         const struct log_ctx *ctx)
{
    size_t len = put_time(line, cap);
    int n = snprintf(line + len, cap - len, " %c %d %s%s%s ", "EWID"[level], (int)getpid(),
                     ctx != NULL ? ctx->where : "sluice", ctx != NULL && ctx->id[0] ? " " : "",
                     ctx != NULL ? ctx->id : "");

    return n > 0 && (size_t)n < cap - len ? len + (size_t)n : 0;
}

static PRINTF_LIKE(3, 0) void write_line(enum log_level level, const struct log_ctx *ctx,
                                         const char *fmt, va_list ap)
{
    char line[LINE_MAX_BYTES + 1];
    size_t len = put_prefix(line, LINE_MAX_BYTES, level, ctx);
    int n = vsnprintf(line + len, LINE_MAX_BYTES - len, fmt, ap);

    if (n > 0)
        len += (size_t)n < LINE_MAX_BYTES - len ? (size_t)n : LINE_MAX_BYTES - len - 1;
    emit(level, line, len);
}

/* Past the level and the rate: for the one line that says what the rate held back. */
static PRINTF_LIKE(1, 2) void write_always(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    write_line(LOG_WARN, NULL, fmt, ap);
    va_end(ap);
}

/* Counts this line against its second; true when it must be dropped. */
static bool over_rate(void)
{
    int64_t second = clock_mono_ms() / 1000;

    if (second != out.second) {
        if (out.dropped > 0)
            write_always("log lines dropped count=%lld limit_per_s=%d", (long long)out.dropped,
                         out.per_s);
        out.second = second;
        out.used = 0;
        out.dropped = 0;
    }
    if (out.per_s > 0 && out.used >= out.per_s) {
        out.dropped++;
        return true;
    }
    out.used++;
    return false;
}

void log_at(enum log_level level, const struct log_ctx *ctx, const char *fmt, ...)
{
    va_list ap;

    if (!log_is_on(level) || over_rate())
        return;
    va_start(ap, fmt);
    write_line(level, ctx, fmt, ap);
    va_end(ap);
}
