/* dialect.h - what differs from vendor to vendor, as one const table per dialect.
 *
 * A dialect is spoken on two sides: a client asks the router in one, the router asks a region
 * in one.  Whoever serves requests holds a `const struct dialect *` for either and knows no
 * vendor's words.  Where both are the same pointer, a body is the client's own but for what
 * splice_request changes and an event's raw bytes pass as they came.
 *
 * A new vendor is a new file with a table of its own, one declaration and one row (below, and
 * in dialect.c).  Every row must be there: a dialect without some path or field says so with
 * NULL in `asks` or an empty list, and a function is never NULL. */
#ifndef DIALECT_DIALECT_H
#define DIALECT_DIALECT_H

#include "base/base.h"
#include "base/buf.h"
#include "base/str.h"
#include "dialect/choices.h"
#include "policy/outcome.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chat_request;
struct chat_request_error;
struct dialect;
struct sse_event;

enum dialect_path { /* what can be asked for, whatever its name on the wire */
                    DIALECT_CHAT,
                    DIALECT_COMPLETIONS,
                    DIALECT_EMBEDDINGS,
                    DIALECT_MODELS,
                    N_DIALECT_PATHS
};

struct dialect_route { /* what a client's path asks for */
    const struct dialect *dialect;
    enum dialect_path path;
    struct str model; /* named in the path itself: borrows it; ptr NULL: not there */
};

struct dialect_usage {
    bool known;
    int64_t prompt_tokens, completion_tokens;
    int64_t cached_tokens; /* a part of the prompt's */
};

enum dialect_event_kind {
    DIALECT_META,      /* no content: role only, ping, empty delta, a comment */
    DIALECT_CONTENT,   /* text, tool call, reasoning or refusal for the client */
    DIALECT_DONE,      /* the vendor's own end of a stream */
    DIALECT_ERROR,     /* an error inside the stream */
    DIALECT_MALFORMED, /* not what this dialect speaks */
};

struct dialect_event { /* one event of a stream; borrows the bytes it was read from */
    enum dialect_event_kind kind;
    struct str raw;  /* every byte of it, its end included; ptr NULL: made here, see data */
    struct str data; /* what it says, without the framing */
    bool finish;     /* carries a finish reason (it may carry content as well) */
    struct choices content, finished; /* whose content and whose finish reason it has */
    bool says_usage;                  /* of the stream, as far as it has come */
    bool usage_only;            /* nothing but the usage a client may not have asked for */
    struct dialect_usage usage; /* of the stream, up to and with this event */
    enum outcome error;         /* kind ERROR: how it is to be read */
};

struct dialect_answer {     /* a complete answer that is no event stream, to be read */
    enum dialect_path path; /* what was asked for */
    int status;
    struct str body; /* empty or cut where it exceeded what we keep: then it is not whole */
    bool whole;
    bool as_stream; /* a stream was asked for: a success will be played as one */
    int64_t inputs; /* embeddings: vectors asked for; 0: it cannot be told */
};

struct dialect_reading { /* what it means */
    enum outcome outcome;
    const char *why; /* for the log, where no error of the vendor's says it; else NULL */
    struct dialect_usage usage; /* of a whole success; not known in all other cases */
};

struct dialect_error { /* of ours, to be said to a client */
    int status;
    const char *type, *code, *param; /* param, code: NULL when there is none */
    const char *message;
};

/* ---- what a client keeps of an event, so that another run can be held against it ---- */

#define DIALECT_NO_CHOICE (-1)

enum dialect_piece_kind {
    DIALECT_TEXT,   /* a JSON string: clients join those of one place */
    DIALECT_ITEM,   /* any other JSON: clients keep each one */
    DIALECT_NAME,   /* what each run makes up: an id, a time */
    DIALECT_MARK,   /* the same however often it is said: a role, a type */
    DIALECT_FINISH, /* the finish reason */
    DIALECT_USAGE,  /* of the whole stream; behind all others of its event */
};

struct dialect_piece { /* all of it is borrowed */
    enum dialect_piece_kind kind;
    int64_t choice;   /* whose, below CHOICES_MAX; DIALECT_NO_CHOICE: the stream's own */
    struct str place; /* within the choice: pieces of one place belong together */
    struct str value; /* its JSON */
};

enum dialect_sift {                      /* what becomes of a piece */
                    DIALECT_SIFT_NEW,    /* goes on, and its event with it */
                    DIALECT_SIFT_CUT,    /* likewise, as *instead */
                    DIALECT_SIFT_ALONG,  /* goes on where its event does */
                    DIALECT_SIFT_RENAME, /* likewise, as *instead */
                    DIALECT_SIFT_OLD,    /* is left out */
                    DIALECT_SIFT_STOP,   /* and nothing more of the event is wanted */
};

struct dialect_sieve {
    /* *instead: JSON that is valid until the next call. */
    enum dialect_sift (*on_piece)(void *arg, const struct dialect_piece *p,
                                  struct str *instead);
    void *arg;
    bool calm;       /* what has neither old nor new pieces goes on as well */
    struct buf *out; /* takes the event without what is left out; NULL: nobody wants it */
    bool kept;       /* out: something of the event goes on */
    bool changed;    /* out: and not as it came */
};

struct dialect {
    const char *name; /* as an operator writes it */

    /* ---- the client's side ---- */

    /* What path (normalised, no query) asks for; sets path and model.  false: nothing here. */
    bool (*route)(struct str path, struct dialect_route *out);
    /* Reads and validates a body.  -1: *err says what is wrong and where. */
    int (*read_request)(struct chat_request *a, enum dialect_path path, struct str body,
                        size_t depth_max, struct chat_request_error *err);
    /* Appends an error as the body of an answer; the same goes into an event.  -1: out's cap.
     */
    int (*write_error)(struct buf *out, const struct dialect_error *e);
    /* Appends ev->data (JSON) as one whole event of its kind.  -1: out's cap. */
    int (*write_event)(struct buf *out, const struct dialect_event *ev);
    /* Is body an error in this dialect's shape, fit for an event? */
    bool (*is_error)(struct str body);
    /* Appends a success of path, which classify() has read with as_stream, as the whole event
     * stream that would have said the same; usage: with its usage.  -1: out's cap. */
    int (*write_stream)(struct buf *out, enum dialect_path path, struct str answer, bool usage);
    const char *keep_alive; /* what a silent stream says: whole, and no event to a reader */
    const char *stream_end; /* what a complete stream ends with where the vendor forgot it */

    /* ---- the region's side ---- */

    const char *asks[N_DIALECT_PATHS]; /* behind a region's base URL; NULL: it has none */
    const char *auth_header;           /* what carries the key by default */
    const char *auth_prefix;           /* in front of the key in that header */
    const char *const *headers;        /* "Name: value" with every request; NULL ends it */
    const char *const *forwards;       /* a client's fields for this vendor; NULL ends it */
    /* Of an answer: this vendor's fields for the client ("name", or "prefix-*"), and those that
     * may have its own id of the request, the first one that does counts; NULL ends either. */
    const char *const *passes, *const *ids;
    const char *end_name; /* of a DONE event, for the log */
    /* The body for a target: model NULL keeps the client's name; usage asks for the usage of a
     * stream.  When nothing changes *out is the client's own body and buf stays empty;
     * otherwise *out borrows buf.  -1: buf's cap. */
    int (*splice_request)(const struct chat_request *a, const char *model, bool usage,
                          struct buf *buf, struct str *out);
    /* How a complete answer is to be read.  A 2xx is a success only when it shows what a success
     * of its path has. */
    void (*classify)(const struct dialect_answer *a, struct dialect_reading *out);
    /* The wait stated by an answer's fields, in ms; -1 when none is.  get(arg, name) gives a
     * field's value (ptr NULL when absent); wall_ms is the time now. */
    int64_t (*retry_after_ms)(struct str (*get)(const void *arg, const char *name),
                              const void *arg, int64_t wall_ms);
    /* What an event with data means.  out->usage goes in as the stream said so far, and comes
     * out with what this event adds or corrects; the rest is written. */
    void (*read_event)(const struct sse_event *sse, struct dialect_event *out);
    /* Shows every piece of an event's data, which read_event found to be META or CONTENT, to the
     * sieve.  -1: it holds what cannot be told, was
     * stopped, or exceeds out's cap. */
    int (*sift_event)(struct str data, struct dialect_sieve *s);
};

extern const struct dialect dialect_openai;

/* Every dialect, in the order of the rows; NULL behind the last. */
const struct dialect *dialect_at(size_t i);
const struct dialect *dialect_get(const char *name); /* NULL: there is none of that name */

/* What a client's path asks for, in whichever dialect has it.  false: nobody does. */
bool dialect_find_route(struct str path, struct dialect_route *out);

#endif
