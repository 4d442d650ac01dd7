/* progress.c - how far a streamed answer has come; progress.h has the contract. */
#include "dialect/progress.h"

void progress_note(struct progress *p, const struct dialect_event *ev)
{
    p->content_events += ev->kind == DIALECT_CONTENT;
    choices_add(&p->content, &ev->content);
    choices_add(&p->finished, &ev->finished);
}

bool progress_may_end(const struct progress *p)
{
    return choices_count(&p->finished) > 0 && choices_within(&p->content, &p->finished);
}

bool progress_is_whole(const struct progress *p)
{
    return progress_may_end(p) && choices_count(&p->finished) >= p->asked;
}
