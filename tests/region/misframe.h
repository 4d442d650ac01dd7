/* misframe.h - answers whose HTTP framing is wrong on purpose. */
#ifndef REGION_MISFRAME_H
#define REGION_MISFRAME_H

#include "tests/region/play.h"

/* The whole answer of p, head included, framed as told. */
enum play_verdict misframe(struct play *p, enum fault_framing how, struct buf *out);

#endif
