/* ringback as it is, but for one kind of event, which kills the process in its handler. For tests: the linker puts this in
 * front of handler_for() (--wrap); nothing of it is in the program that is shipped. */
#include <signal.h>
#include <string.h>

#include "event.h"
#include "rows.h"

handler_fn __real_handler_for(const char *topic);
handler_fn __wrap_handler_for(const char *topic);

static enum verdict handle(const struct event *ev, struct rows *out)
{
    static const char poison[] = "kills the worker";

    if (memmem(ev->body, ev->body_len, poison, sizeof poison - 1) != NULL)
        raise(SIGSEGV);
    return __real_handler_for(ev->topic)(ev, out);
}

handler_fn __wrap_handler_for(const char *topic)
{
    return __real_handler_for(topic) == NULL ? NULL : handle;
}
