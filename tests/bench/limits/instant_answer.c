/* The limit of what a gateway can do here: takes in each request and answers 200, without looking
 * at it. The kernel throws the bodies away unread (MSG_TRUNC). One thread, one epoll.
 *
 *   instant_answer      prints "listening PORT"; ends when it is killed */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 65536, EVENTS_MAX = 256, HEAD_MAX = 1500, SKIP_MAX = 1 << 20 };

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                             "Content-Length: 19\r\n\r\n{\"status\":\"stored\"}";

static struct connection {
    size_t left; /* of the request's body; 0: the next bytes are a head */
} connections[CONNECTIONS_MAX];
static int poller;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void drop(int fd)
{
    connections[fd].left = 0;
    close(fd);
}

static void respond(int fd)
{
    if (send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL) != sizeof answer - 1)
        drop(fd);
}

/* The head comes in one piece, as all senders of ours send it. */
static void on_head(int fd)
{
    char head[HEAD_MAX + 1];
    ssize_t n = recv(fd, head, HEAD_MAX, MSG_DONTWAIT);
    const char *end, *length;
    size_t here;

    if (n <= 0) {
        if (n == 0 || errno != EAGAIN)
            drop(fd);
        return;
    }
    head[n] = '\0';
    end = strstr(head, "\r\n\r\n");
    length = strstr(head, "Content-Length: ");
    if (end == NULL || length == NULL) {
        drop(fd);
        return;
    }
    here = (size_t)(n - (end + 4 - head));
    connections[fd].left = strtoul(length + 16, NULL, 10) - here;
    if (connections[fd].left == 0)
        respond(fd);
}

static void on_body(int fd)
{
    struct connection *c = &connections[fd];
    ssize_t n = recv(fd, NULL, c->left < SKIP_MAX ? c->left : SKIP_MAX, MSG_TRUNC | MSG_DONTWAIT);

    if (n <= 0) {
        if (n == 0 || errno != EAGAIN)
            drop(fd);
        return;
    }
    c->left -= (size_t)n;
    if (c->left == 0)
        respond(fd);
}

static void on_caller(int listener)
{
    struct epoll_event e = {.events = EPOLLIN};
    int on = 1;

    e.data.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (e.data.fd < 0)
        return;
    if (e.data.fd >= CONNECTIONS_MAX || epoll_ctl(poller, EPOLL_CTL_ADD, e.data.fd, &e) != 0)
        die("too many connections");
    setsockopt(e.data.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static int open_door(void)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event e = {.events = EPOLLIN};
    socklen_t size = sizeof here;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    e.data.fd = fd;
    if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof here) != 0 || listen(fd, 1024) != 0 ||
        getsockname(fd, (struct sockaddr *)&here, &size) != 0 ||
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e) != 0)
        die("listen");
    printf("listening %d\n", ntohs(here.sin_port));
    fflush(stdout);
    return fd;
}

int main(void)
{
    struct epoll_event events[EVENTS_MAX];
    int listener;

    poller = epoll_create1(0);
    listener = open_door();
    for (;;) {
        int n = epoll_wait(poller, events, EVENTS_MAX, -1);

        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;

            if (fd == listener)
                on_caller(listener);
            else if (connections[fd].left > 0)
                on_body(fd);
            else
                on_head(fd);
        }
    }
}
