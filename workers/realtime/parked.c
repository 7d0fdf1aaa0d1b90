/* Sockets that wait for keys: a join or token whose key is being fetched, and all that came behind it on that socket, in order. */
#include <stdlib.h>

#include "realtime/hub_state.h"
#include "realtime/limits.h"

bool parked_add(struct session *s, struct text message, bool binary)
{
    struct hub *h = s->hub;
    size_t bytes = sizeof(struct parked) + message.n;
    struct parked *p;

    if (s->parked_bytes + bytes > PARKED_BYTES_MAX || h->parked_bytes + bytes > PARKED_ALL_MAX ||
        (p = malloc(bytes)) == NULL)
        return false;
    p->next = NULL;
    p->binary = binary;
    p->n = message.n;
    memcpy(p->text, message.p, message.n);
    if (s->parked == NULL) {
        s->parked_end = &s->parked;
        s->next_parked = h->parked;
        s->at_parked = &h->parked;
        if (h->parked != NULL)
            h->parked->at_parked = &s->next_parked;
        h->parked = s;
    }
    *s->parked_end = p;
    s->parked_end = &p->next;
    s->parked_bytes += bytes;
    h->parked_bytes += bytes;
    return true;
}

struct parked *parked_take(struct session *s)
{
    struct parked *first = s->parked;

    if (first == NULL)
        return NULL;
    *s->at_parked = s->next_parked;
    if (s->next_parked != NULL)
        s->next_parked->at_parked = s->at_parked;
    s->hub->parked_bytes -= s->parked_bytes;
    s->parked = NULL;
    s->parked_bytes = 0;
    return first;
}

void parked_free(struct parked *p)
{
    while (p != NULL) {
        struct parked *next = p->next;

        free(p);
        p = next;
    }
}
