/* Text without the notations in which a search would not find what a person reads there: JSON's \u0040 and \/, the %40 of forms
 * and URLs, and one inside the other. Pure. */
#ifndef WORKER_UNMASK_H
#define WORKER_UNMASK_H

#include "base/arena.h"
#include "base/text.h"

enum { UNMASK_PASSES_MAX = 3 };

/* `t` itself where nothing is masked, or when the arena is full; else a copy in the arena. */
struct text unmask(struct arena *arena, struct text t);

#endif
