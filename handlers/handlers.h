/* Declares every handler named in topics.def. */
#ifndef HANDLERS_HANDLERS_H
#define HANDLERS_HANDLERS_H

#include "event.h"
#include "rows.h"

/* A function may serve several topics: C allows to declare it more than once. */
#define TOPIC(name, handler) enum verdict handler(const struct event *ev, struct rows *out);
#include "topics.def"
#undef TOPIC

#endif
