/* progress.c - how far a streamed answer has come; progress.h has the contract. */
#include "dialect/progress.h"

void progress_note(struct progress *p, const struct dialect_event *ev)
{
    p->content_events += ev->kind == DIALECT_CONTENT;
    choices_add(&p->content, &ev->content);
    choices_add(&p->finished, &ev->finished);
    /* what is said before is of a part: vLLM can say it with every event */
    p->usage_said = p->usage_said || (ev->says_usage && progress_is_finished(p));
}

bool progress_may_end(const struct progress *p)
{
    return choices_count(&p->finished) > 0 && choices_within(&p->content, &p->finished);
}

bool progress_is_finished(const struct progress *p)
{
    return progress_may_end(p) && choices_count(&p->finished) >= p->asked;
}

bool progress_is_whole(const struct progress *p)
{
    return progress_is_finished(p) && (!p->usage_asked || p->usage_said);
}
