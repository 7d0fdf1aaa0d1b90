#include "runtime/door_plain.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "event.h"
#include "runtime/door_mhd.h"
#include "runtime/http_framing.h"
#include "runtime/http_head.h"

enum {
    EVENTS_MAX = 256,      /* per turn of the loop */
    REPLY_HEAD_MAX = 2048, /* the roles' own headers with it */
    SCRATCH_BYTES = 256,
    DATE_MAX = 40,
};

static const char method[] = "POST";

struct plain {
    struct plain *prev, *next; /* of the open ones */
    struct plain *next_listed; /* of those that wait or are gone */
    struct plains *set;
    int fd; /* -1: closed */
    enum conn_state state;
    uint64_t deadline_ms, active_ms;
    bool more, waiting; /* the socket may hold bytes; it stands in set->waiting */
    socklen_t from_len;
    struct sockaddr_in6 from; /* room for either family */
    char *rest;               /* of an answer that the socket did not take at once */
    size_t rest_len, rest_sent;
    struct http_request request;
    struct http_head head;
    char text[HTTP_HEAD_MAX]; /* the head itself */
    _Alignas(max_align_t) char scratch[SCRATCH_BYTES];
};

static void on_again(uv_idle_t *idle);

static void enter(struct plain *p, enum conn_state state, uint64_t deadline_ms)
{
    p->state = state;
    p->deadline_ms = deadline_ms;
    p->active_ms = uv_now(p->set->door->loop);
}

static void enter_head(struct plain *p)
{
    struct door *d = p->set->door;

    enter(p, CONN_HEAD, uv_now(d->loop) + d->o.idle_timeout_ms);
}

/* ---- ending a connection ---- */

static void list_leave(struct plain **list, const struct plain *p)
{
    while (*list != p)
        list = &(*list)->next_listed;
    *list = p->next_listed;
}

static void request_drop(struct plain *p)
{
    http_body_done(&p->request);
    if (p->request.scratch != p->scratch)
        free(p->request.scratch);
    p->request.scratch = NULL;
}

/* Leaves the set without closing the socket, which is the caller's then. Its memory is freed later:
 * when no event points to it, and no role works on its request. */
static int forget(struct plain *p)
{
    struct plains *s = p->set;
    int fd = p->fd;

    if (p->prev != NULL)
        p->prev->next = p->next;
    else
        s->first = p->next;
    if (p->next != NULL)
        p->next->prev = p->prev;
    if (p->waiting)
        list_leave(&s->waiting, p);
    p->waiting = false;
    s->n--;
    p->fd = -1;
    free(p->rest);
    p->rest = NULL;
    if (p->state == CONN_HANDLER) {
        s->door->bodies_bytes -= p->request.body_room; /* the role may still look at it */
        p->request.door = NULL;
    } else {
        request_drop(p);
        p->next_listed = s->gone;
        s->gone = p;
    }
    return fd;
}

static void bury(struct plains *s)
{
    for (struct plain *p = s->gone, *next; p != NULL; p = next) {
        next = p->next_listed;
        free(p);
    }
    s->gone = NULL;
}

/* `unread`: the sender may still be sending, and must not lose what we said to a reset. */
static void end(struct plain *p, bool unread)
{
    struct door *d = p->set->door;
    int fd = forget(p);

    if (unread && d->state != DOOR_CLOSED) {
        shutdown(fd, SHUT_WR);
        epoll_ctl(d->plains.epoll, EPOLL_CTL_DEL, fd, NULL);
        lingers_add(&d->lingers, fd);
    } else {
        close(fd);
    }
    acceptor_wake(d->acceptor);
}

/* Not plain: whoever reads all of HTTP finds the socket as it was. */
static void hand_over(struct plain *p)
{
    struct door *d = p->set->door;
    struct sockaddr_in6 from = p->from;
    socklen_t from_len = p->from_len;
    int fd = forget(p);

    epoll_ctl(d->plains.epoll, EPOLL_CTL_DEL, fd, NULL);
    door_hand_over(d, fd, (const struct sockaddr *)&from, from_len);
}

/* ---- answers ---- */

/* RFC 9110 section 5.6.7; made once a second. */
static const char *date_now(void)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    static char text[DATE_MAX];
    static time_t made;
    time_t now = time(NULL);
    struct tm t;

    if (now != made && gmtime_r(&now, &t) != NULL) {
        snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[t.tm_wday],
                 t.tm_mday, months[t.tm_mon], (t.tm_year + 1900) % 10000, t.tm_hour, t.tm_min,
                 t.tm_sec);
        made = now;
    }
    return text;
}

/* The head of an answer. 0: too long. */
static size_t reply_head(char out[REPLY_HEAD_MAX], const struct http_reply *reply, bool close)
{
    int n = snprintf(out, REPLY_HEAD_MAX, "HTTP/1.1 %u %s\r\n%sDate: %s\r\n", reply->status,
                     MHD_get_reason_phrase_for(reply->status), close ? "Connection: close\r\n" : "",
                     date_now());
    size_t len = (size_t)n;

    if (reply->len > 0 || reply->content_type != NULL)
        len += (size_t)snprintf(out + len, REPLY_HEAD_MAX - len, "Content-Type: %s\r\n",
                                reply->content_type != NULL ? reply->content_type
                                                            : "text/plain; charset=utf-8");
    for (size_t i = 0; i + 1 < HTTP_REPLY_HEADERS_MAX && reply->headers[i] != NULL; i += 2) {
        if (len >= REPLY_HEAD_MAX)
            return 0;
        len += (size_t)snprintf(out + len, REPLY_HEAD_MAX - len, "%s: %s\r\n", reply->headers[i],
                                reply->headers[i + 1]);
    }
    if (len >= REPLY_HEAD_MAX)
        return 0;
    if (reply->status == 204) /* RFC 9110 section 8.6: has no length */
        len += (size_t)snprintf(out + len, REPLY_HEAD_MAX - len, "\r\n");
    else
        len += (size_t)snprintf(out + len, REPLY_HEAD_MAX - len, "Content-Length: %zu\r\n\r\n",
                                reply->len);
    return len < REPLY_HEAD_MAX ? len : 0;
}

/* The answer is out. */
static void answered(struct plain *p)
{
    struct plains *s = p->set;

    request_drop(p);
    if (s->door->state != DOOR_OPEN) {
        end(p, p->more);
        return;
    }
    enter_head(p);
    if (p->more && !p->waiting) { /* not from here: a role may be calling us */
        p->waiting = true;
        p->next_listed = s->waiting;
        s->waiting = p;
        uv_idle_start(&s->again, on_again);
    }
}

/* False: the connection is broken. */
static bool keep_rest(struct plain *p, const struct iovec *parts, size_t sent)
{
    struct door *d = p->set->door;

    p->rest_len = parts[0].iov_len + parts[1].iov_len;
    p->rest_sent = sent;
    p->rest = malloc(p->rest_len);
    if (p->rest == NULL)
        return false;
    memcpy(p->rest, parts[0].iov_base, parts[0].iov_len);
    if (parts[1].iov_len > 0)
        memcpy(p->rest + parts[0].iov_len, parts[1].iov_base, parts[1].iov_len);
    enter(p, CONN_ANSWER, request_answer_deadline(d, p->rest_len));
    return true;
}

void plain_respond(struct http_request *r, const struct http_reply *reply)
{
    struct plain *p = r->plain;
    char head[REPLY_HEAD_MAX];
    struct iovec parts[2] = {{.iov_base = head},
                             {.iov_base = (void *)(uintptr_t)reply->body, .iov_len = reply->len}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t n;

    assert(p->state == CONN_HANDLER && !r->responded); /* exactly one answer */
    assert(reply->status >= 200 && reply->status <= 599);
    r->responded = true;
    if (p->fd < 0) { /* nobody waits for it any more */
        request_drop(p);
        free(p);
        return;
    }
    parts[0].iov_len = reply_head(head, reply, p->set->door->state != DOOR_OPEN);
    n = parts[0].iov_len == 0 ? -1 : sendmsg(p->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && parts[0].iov_len > 0 && (errno == EAGAIN || errno == EINTR))
        n = 0;
    enter_head(p); /* no longer in the role's hands */
    if (n < 0)
        end(p, false);
    else if ((size_t)n == parts[0].iov_len + reply->len)
        answered(p);
    else if (!keep_rest(p, parts, (size_t)n))
        end(p, false);
}

static void go_on_writing(struct plain *p)
{
    ssize_t n = send(p->fd, p->rest + p->rest_sent, p->rest_len - p->rest_sent,
                     MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        end(p, false);
        return;
    }
    p->rest_sent += n > 0 ? (size_t)n : 0;
    if (p->rest_sent < p->rest_len)
        return;
    free(p->rest);
    p->rest = NULL;
    answered(p);
}

/* ---- reading ---- */

/* Takes `skip` bytes that were seen already, and up to `n` more. The kernel tells with them whether
 * there are more (tcp(7), TCP_INQ), which saves asking. */
static ssize_t take(struct plain *p, size_t skip, char *into, size_t n)
{
    static char seen[HTTP_HEAD_MAX];
    struct iovec parts[2] = {{.iov_base = seen, .iov_len = skip}, {.iov_base = into, .iov_len = n}};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    struct msghdr message = {.msg_iov = parts,
                             .msg_iovlen = 2,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    ssize_t got = recvmsg(p->fd, &message, MSG_DONTWAIT);
    struct cmsghdr *c = got < 0 ? NULL : CMSG_FIRSTHDR(&message);
    int inside = 1;

    if (c != NULL && c->cmsg_level == SOL_TCP && c->cmsg_type == TCP_CM_INQ)
        memcpy(&inside, CMSG_DATA(c), sizeof inside);
    p->more = inside > 0;
    return got;
}

static void call_role(struct plain *p)
{
    struct http_request *r = &p->request;

    if (r->body != NULL)
        memset(r->body + r->body_len, 0, EVENT_BODY_PADDING);
    r->handled = true;
    enter(p, CONN_HANDLER, UINT64_MAX);
    r->route->handler(r->route->ctx, r); /* `p` may be gone behind it */
}

/* `skip`: of the head, which is still in the socket. Reads on while there is something: nobody tells
 * a second time that it came. */
static void read_body(struct plain *p, size_t skip)
{
    struct http_request *r = &p->request;

    do {
        size_t left = (size_t)r->declared - r->body_len;
        ssize_t n = take(p, skip, left > 0 ? r->body + r->body_len : NULL, left);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0 || (size_t)n < skip) {
            end(p, false);
            return;
        }
        r->body_len += (size_t)n - skip;
        skip = 0;
        if (r->body_len == r->declared) {
            call_role(p);
            return;
        }
        enter(p, CONN_BODY, request_body_deadline(r));
    } while (p->more);
}

/* False: somebody else has to read it. */
static bool begin(struct plain *p)
{
    struct door *d = p->set->door;
    struct http_request *r = &p->request;
    uv_timeval64_t now = {0};

    *r = (struct http_request){.door = d, .plain = p, .head_ms = uv_now(d->loop), .headed = true};
    if (!target_split(p->head.target, &r->path, &r->query))
        return false;
    r->route = request_route(d, r->path, method);
    r->declared = p->head.length;
    if (r->route == NULL || r->declared > r->route->body_max ||
        !request_body_reserve(r, (size_t)r->declared))
        return false;
    uv_gettimeofday(&now);
    r->arrived_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_usec;
    memcpy(r->method, method, sizeof method);
    return true;
}

static void read_head(struct plain *p)
{
    ssize_t n = recv(p->fd, p->text, sizeof p->text, MSG_PEEK | MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        p->more = false;
        return;
    }
    if (n <= 0)
        end(p, false);
    else if (!http_head_read(&p->head, method, p->text, (size_t)n) || !begin(p))
        hand_over(p);
    else
        read_body(p, p->head.len);
}

/* Something came, or the sender has ended. */
static void on_readable(struct plain *p)
{
    if (p->state == CONN_HEAD)
        read_head(p);
    else if (p->state == CONN_BODY)
        read_body(p, 0);
    else
        p->more = true;
}

/* ---- the set ---- */

static void on_events(uv_poll_t *poll, int status, int events)
{
    struct plains *s = poll->data;
    struct epoll_event ready[EVENTS_MAX];
    int n = epoll_wait(s->epoll, ready, EVENTS_MAX, 0);

    (void)status;
    (void)events;
    for (int i = 0; i < n; i++) {
        struct plain *p = ready[i].data.ptr;

        if (p->fd >= 0 && p->rest != NULL)
            go_on_writing(p);
        if (p->fd >= 0 && (ready[i].events & ~(uint32_t)EPOLLOUT) != 0)
            on_readable(p);
    }
    bury(s);
}

static void on_again(uv_idle_t *idle)
{
    struct plains *s = idle->data;
    struct plain *list = s->waiting;

    uv_idle_stop(idle);
    s->waiting = NULL;
    for (struct plain *p = list; p != NULL; p = p->next_listed)
        p->waiting = false;
    for (struct plain *p = list, *next; p != NULL; p = next) {
        next = p->next_listed;
        if (p->fd >= 0 && p->state == CONN_HEAD)
            read_head(p);
    }
    bury(s);
}

bool plains_open(struct plains *s, struct door *d)
{
    *s = (struct plains){.door = d, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    if (s->epoll < 0)
        return false;
    if (uv_poll_init(d->loop, &s->poll, s->epoll) != 0) {
        close(s->epoll);
        return false;
    }
    uv_idle_init(d->loop, &s->again);
    s->poll.data = s->again.data = s;
    uv_poll_start(&s->poll, UV_READABLE, on_events);
    return true;
}

bool plains_add(struct plains *s, int fd, const struct sockaddr *from, socklen_t from_len)
{
    struct plain *p = malloc(sizeof *p);
    /* Edges: a connection is registered once, and tells of news only. */
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = p};
    int on = 1;

    if (p == NULL || epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e) != 0) {
        free(p);
        return false;
    }
    memset(p, 0, offsetof(struct plain, text)); /* the rest is room for bytes */
    p->set = s;
    p->fd = fd;
    p->from_len = from_len;
    memcpy(&p->from, from, from_len);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_INQ, &on, sizeof on);
    p->next = s->first;
    if (p->next != NULL)
        p->next->prev = p;
    s->first = p;
    s->n++;
    enter_head(p);
    return true;
}

static void expire(struct plain *p)
{
    door_count_refused(p->state == CONN_BODY     ? "slow_body"
                       : p->state == CONN_ANSWER ? "slow_reader"
                                                 : "idle");
    if (p->state == CONN_BODY)
        fd_tell(p->fd, 408, "REQUEST_TIMEOUT", "the request came too slowly");
    end(p, false);
}

void plains_sweep(struct plains *s)
{
    uint64_t now = uv_now(s->door->loop);

    for (struct plain *p = s->first, *next; p != NULL; p = next) {
        next = p->next;
        if (now >= p->deadline_ms)
            expire(p);
    }
    bury(s);
}

void plains_shut_idle(struct plains *s, uint64_t idle_ms, size_t most)
{
    uint64_t now = uv_now(s->door->loop);
    char byte;

    for (struct plain *p = s->first, *next; p != NULL && most > 0; p = next) {
        next = p->next;
        if (p->state != CONN_HEAD || now - p->active_ms < idle_ms ||
            recv(p->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0)
            continue;
        end(p, false);
        most--;
    }
    bury(s);
}

void plains_kill(struct plains *s)
{
    while (s->first != NULL)
        end(s->first, false);
    bury(s);
}

void plains_close(struct plains *s, uv_close_cb on_closed)
{
    assert(s->n == 0);
    s->poll.data = s->again.data = s->door;
    uv_close((uv_handle_t *)&s->poll, on_closed);
    uv_close((uv_handle_t *)&s->again, on_closed);
    close(s->epoll);
}

/* ---- what a role may ask ---- */

const char *plain_header(const struct http_request *r, const char *name)
{
    const struct plain *p = r->plain;

    return p->fd < 0 ? NULL : http_head_value(&p->head, p->text, name);
}

void plain_peer(const struct http_request *r, char *out, size_t size)
{
    const struct plain *p = r->plain;

    getnameinfo((const struct sockaddr *)&p->from, p->from_len, out, (socklen_t)size, NULL, 0,
                NI_NUMERICHOST);
}

void *plain_scratch(struct http_request *r, size_t size)
{
    struct plain *p = r->plain;

    return size <= sizeof p->scratch ? memset(p->scratch, 0, size) : NULL;
}
