#include "runtime/door_linger.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LINGERS_MAX = 256,
    LINGER_MS = 2000,
    LINGER_BYTES_MAX = 64 << 20, /* thrown away per socket at most */
    LINGER_TURN_BYTES = 256 << 10,
};

struct leaver {
    uv_poll_t poll;
    struct lingers *all;
    struct leaver *prev, *next;
    uint64_t deadline_ms;
    size_t thrown;
    int fd;
};

void lingers_init(struct lingers *l, uv_loop_t *loop)
{
    *l = (struct lingers){.loop = loop};
}

static void on_closed(uv_handle_t *h)
{
    free(h->data);
}

static void end(struct leaver *g)
{
    if (g->prev != NULL)
        g->prev->next = g->next;
    else
        g->all->first = g->next;
    if (g->next != NULL)
        g->next->prev = g->prev;
    g->all->n--;
    uv_close((uv_handle_t *)&g->poll, on_closed);
    close(g->fd);
}

static void on_bytes(uv_poll_t *poll, int status, int events)
{
    static char waste[64 << 10];
    struct leaver *g = poll->data;

    (void)events;
    for (size_t turn = 0; status == 0 && turn < LINGER_TURN_BYTES;) {
        ssize_t n = recv(g->fd, waste, sizeof waste, MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            end(g);
            return;
        }
        turn += (size_t)n;
        g->thrown += (size_t)n;
    }
    if (status != 0 || g->thrown > LINGER_BYTES_MAX)
        end(g);
}

void lingers_add(struct lingers *l, int fd)
{
    struct leaver *g = l->n < LINGERS_MAX ? calloc(1, sizeof *g) : NULL;

    if (g == NULL || uv_poll_init(l->loop, &g->poll, fd) != 0) {
        free(g);
        close(fd);
        return;
    }
    g->poll.data = g;
    g->all = l;
    g->fd = fd;
    g->deadline_ms = uv_now(l->loop) + LINGER_MS;
    g->next = l->first;
    if (g->next != NULL)
        g->next->prev = g;
    l->first = g;
    l->n++;
    if (uv_poll_start(&g->poll, UV_READABLE, on_bytes) != 0)
        end(g);
}

void lingers_sweep(struct lingers *l)
{
    uint64_t now = uv_now(l->loop);

    for (struct leaver *g = l->first, *next; g != NULL; g = next) {
        next = g->next;
        if (now >= g->deadline_ms)
            end(g);
    }
}

void lingers_close(struct lingers *l)
{
    while (l->first != NULL)
        end(l->first);
}
