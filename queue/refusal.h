/* What an error reply of Redis means for us, named after what the caller must do. Pure. */
#ifndef QUEUE_REFUSAL_H
#define QUEUE_REFUSAL_H

#include <stddef.h>

enum refusal {
    REFUSAL_FULL,      /* at maxmemory: not done; try again when there is room */
    REFUSAL_NO_GROUP,  /* stream or group is gone: create the group and go on */
    REFUSAL_ELSEWHERE, /* this server cannot serve us (any more, or not yet): connect again */
    REFUSAL_OTHER,     /* not done; the text says why */
};

/* `text` is an error reply without the leading '-'. */
enum refusal refusal_of(const char *text, size_t len);

#endif
