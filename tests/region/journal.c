/* journal.c - attempts seen; journal.h has the contract. */
#include "tests/region/journal.h"

#include "base/clock.h"
#include "tests/region/quote.h"
#include "tests/region/wire.h"

#include <stdlib.h>
#include <string.h>

#define BYTES_MAX (64u << 20)

static const char *const end_names[N_ATTEMPT_ENDS] = {"active", "complete", "client_gone",
                                                      "cut", "reset"};

void journal_init(struct journal *j, size_t max, FILE *file)
{
    *j = (struct journal){.max = max, .file = file, .life = 1};
    TAILQ_INIT(&j->list);
}

static void free_if_done(struct attempt *a)
{
    if (a->listed || a->live)
        return;
    free(a->head);
    free(a->body);
    free(a);
}

static void forget_oldest(struct journal *j)
{
    struct attempt *a = TAILQ_FIRST(&j->list);

    TAILQ_REMOVE(&j->list, a, link);
    j->n_listed--;
    j->bytes -= a->head_len + a->body_len;
    a->listed = false;
    free_if_done(a);
}

void journal_reset(struct journal *j)
{
    while (j->n_listed > 0)
        forget_oldest(j);
    j->life++;
    j->next = j->attempts = j->checks = 0;
    memset(j->ends, 0, sizeof(j->ends));
}

void journal_release(struct journal *j)
{
    journal_reset(j);
    if (j->file != NULL)
        fclose(j->file);
    j->file = NULL;
}

struct attempt *journal_begin(struct journal *j, struct str head, bool check, uint64_t conn)
{
    struct attempt *a = xcalloc(1, sizeof(*a));

    a->live = true;
    a->n = ++j->next;
    a->conn = conn;
    a->life = j->life;
    a->check = check;
    a->start_ms = clock_mono_ms();
    *(check ? &j->checks : &j->attempts) += 1;
    j->active++;
    if (j->max == 0)
        return a;
    a->wall_ms = clock_wall_ms();
    a->head = xstrndup(head.ptr, head.len);
    a->head_len = head.len;
    a->listed = true;
    TAILQ_INSERT_TAIL(&j->list, a, link);
    j->bytes += head.len;
    if (++j->n_listed > j->max)
        forget_oldest(j);
    return a;
}

/* CRC-32 as in zlib and PNG (ISO 3309), a bit at a time: only bodies too long to keep pay it.
 */
static uint32_t crc32_of(struct str s)
{
    uint32_t crc = 0xffffffffu;

    for (size_t i = 0; i < s.len; i++) {
        crc ^= (unsigned char)s.ptr[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

void journal_body(struct journal *j, struct attempt *a, struct str body)
{
    a->body_bytes = body.len;
    if (!a->listed || body.len == 0)
        return;
    a->body_len = body.len < JOURNAL_BODY_MAX ? body.len : JOURNAL_BODY_MAX;
    a->body = xstrndup(body.ptr, a->body_len);
    if (a->body_len < body.len)
        a->body_crc32 = crc32_of(body);
    j->bytes += a->body_len;
    while (j->bytes > BYTES_MAX)
        forget_oldest(j);
}

static struct str kept(const char *text, size_t len)
{
    return (struct str){text != NULL ? text : "", len};
}

static void write_head(const struct attempt *a, struct buf *out)
{
    struct wire_request req;
    const char *why;

    if (wire_parse(kept(a->head, a->head_len), &req, &why) < 0)
        return;
    quote_addf(out, ",\"method\":");
    quote_bytes(out, req.method);
    quote_addf(out, ",\"path\":");
    quote_bytes(out, req.target);
    quote_addf(out, ",\"headers\":[");
    for (size_t i = 0; i < req.n_fields; i++) {
        quote_addf(out, i == 0 ? "[" : ",[");
        quote_bytes(out, req.fields[i].name);
        quote_addf(out, ",");
        quote_bytes(out, req.fields[i].value);
        quote_addf(out, "]");
    }
    quote_addf(out, "]");
}

static void write_attempt(const struct attempt *a, struct buf *out)
{
    struct str body = kept(a->body, a->body_len);
    uint32_t crc = a->body_len < a->body_bytes ? a->body_crc32 : crc32_of(body);

    quote_addf(out, "{\"n\":%llu,\"conn\":%llu,\"time_ms\":%lld,\"mono_ms\":%lld",
               (unsigned long long)a->n, (unsigned long long)a->conn, (long long)a->wall_ms,
               (long long)a->start_ms);
    write_head(a, out);
    quote_addf(out, ",\"body_bytes\":%zu,\"body_crc32\":%u,\"body\":", a->body_bytes, crc);
    quote_bytes(out, body);
    quote_addf(out, ",\"stream\":%s,\"fault\":%s,\"status\":%d,\"events\":%zu",
               a->stream ? "true" : "false", a->faulty ? "true" : "false", a->status,
               a->events);
    quote_addf(
        out, ",\"sent_bytes\":%llu,\"ended\":\"%s\",\"ms\":%lld}",
        (unsigned long long)a->sent_bytes, end_names[a->end],
        (long long)((a->end == ATTEMPT_ACTIVE ? clock_mono_ms() : a->end_ms) - a->start_ms));
}

void journal_end(struct journal *j, struct attempt *a, enum attempt_end end)
{
    a->end = end;
    a->end_ms = clock_mono_ms();
    a->live = false;
    j->active--;
    if (a->life == j->life)
        j->ends[end]++;
    if (j->file != NULL && a->listed) {
        struct buf line;

        buf_init(&line, 8u << 20);
        write_attempt(a, &line);
        fprintf(j->file, "%s\n", line.data);
        fflush(j->file);
        buf_release(&line);
    }
    free_if_done(a);
}

void journal_write(const struct journal *j, struct buf *out)
{
    const struct attempt *a;

    quote_addf(out, "[");
    TAILQ_FOREACH(a, &j->list, link)
    {
        if (a != TAILQ_FIRST(&j->list))
            quote_addf(out, ",\n");
        write_attempt(a, out);
    }
    quote_addf(out, "]\n");
}

void journal_write_counts(const struct journal *j, struct buf *out)
{
    quote_addf(out, "{\"attempts\":%llu,\"checks\":%llu,\"active\":%llu",
               (unsigned long long)j->attempts, (unsigned long long)j->checks,
               (unsigned long long)j->active);
    for (int i = ATTEMPT_ACTIVE + 1; i < N_ATTEMPT_ENDS; i++)
        quote_addf(out, ",\"%s\":%llu", end_names[i], (unsigned long long)j->ends[i]);
    quote_addf(out, "}\n");
}
