/* The limit of the fan-out: nothing but write(2) of frames that lie ready, to sockets that are set as ours are. No Redis, no
 * JSON, no queues. One thread.
 *
 *   bare_write BYTES      prints "listening PORT"; ends with its standard input
 *
 * Takes the upgrades and joins of `crowd`, whose join messages are {"tenant":T}. "T N" on standard input writes N frames of
 * BYTES bytes, all in one write, to each socket of that tenant. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    SNDBUF = 64 * 1024,
    SOCKETS_MAX = 65536,
    TENANTS_MAX = 4096,
    EVENTS_MAX = 256,
    INPUT_MAX = 2048,
    FRAMES_MAX = 64,
    FRAME_MIN = 128, /* its header has 4 bytes */
    FRAME_MAX = 4096,
    HEADER = 4,
};

static const char upgraded[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                               "Connection: Upgrade\r\n"
                               "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
static const char greeting[] = "\x81\x02{}\x81\x02{}"; /* the two frames that `crowd` waits for */
static int poller;
static struct tenant {
    int *fds;
    unsigned n;
} tenants[TENANTS_MAX];

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void put(int fd, const void *bytes, size_t n)
{
    if (write(fd, bytes, n) != (ssize_t)n) /* they block: all or an error */
        die("write");
}

static void on_join(int fd, const char *text)
{
    unsigned long t = strtoul(text, NULL, 10);
    struct tenant *of = &tenants[t % TENANTS_MAX];

    of->fds = realloc(of->fds, (of->n + 1) * sizeof *of->fds);
    if (of->fds == NULL)
        die("realloc");
    of->fds[of->n++] = fd;
    put(fd, greeting, sizeof greeting - 1);
}

static void on_input(int fd)
{
    static const char key[] = "{\"tenant\":";
    char in[INPUT_MAX + 1];
    ssize_t n = read(fd, in, INPUT_MAX);
    const char *join;

    if (n <= 0) {
        close(fd);
        return;
    }
    in[n] = '\0';
    if (strncmp(in, "GET ", 4) == 0)
        put(fd, upgraded, sizeof upgraded - 1);
    else if ((join = memmem(in, (size_t)n, key, sizeof key - 1)) != NULL) /* masked by zeros */
        on_join(fd, join + sizeof key - 1);
}

static void on_caller(int listener)
{
    struct epoll_event e = {.events = EPOLLIN};
    int on = 1, size = SNDBUF;

    e.data.fd = accept(listener, NULL, NULL);
    if (e.data.fd < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, e.data.fd, &e) != 0)
        die("accept");
    setsockopt(e.data.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    setsockopt(e.data.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* {"at":microseconds,"pad":"xxx"}, as often as wanted. */
static size_t fill(char *out, size_t bytes, unsigned n)
{
    struct timespec now;
    char head[64];
    int used;

    clock_gettime(CLOCK_REALTIME, &now);
    used = snprintf(head, sizeof head, "{\"at\":%lld,\"pad\":\"",
                    (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    for (unsigned i = 0; i < n; i++, out += bytes) {
        size_t payload = bytes - HEADER;

        memset(out, 'x', bytes);
        memcpy(out, (char[]){(char)0x81, 126, (char)(payload >> 8), (char)payload}, HEADER);
        memcpy(out + HEADER, head, (size_t)used);
        memcpy(out + bytes - 2, "\"}", 2);
    }
    return bytes * n;
}

/* One command at a time: the next one comes when all have heard this one. False: standard input has ended. */
static bool on_command(size_t bytes)
{
    static char frames[FRAMES_MAX * FRAME_MAX];
    char line[64];
    unsigned tenant, n;
    ssize_t length = read(0, line, sizeof line - 1);
    size_t len;

    if (length <= 0)
        return false;
    line[length] = '\0';
    if (sscanf(line, "%u %u", &tenant, &n) != 2 || tenant >= TENANTS_MAX || n > FRAMES_MAX)
        exit(2);
    len = fill(frames, bytes, n);
    for (unsigned i = 0; i < tenants[tenant].n; i++)
        put(tenants[tenant].fds[i], frames, len);
    return true;
}

static int open_door(void)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct rlimit limit = {SOCKETS_MAX, SOCKETS_MAX};
    socklen_t size = sizeof here;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof here) != 0 || listen(fd, 1024) != 0 ||
        getsockname(fd, (struct sockaddr *)&here, &size) != 0)
        die("listen");
    printf("listening %d\n", ntohs(here.sin_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS_MAX], e = {.events = EPOLLIN};
    size_t bytes = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;

    if (bytes < FRAME_MIN || bytes > FRAME_MAX)
        return 2;
    poller = epoll_create1(0);
    int listener = open_door();
    e.data.fd = listener;
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &e);
    e.data.fd = 0;
    epoll_ctl(poller, EPOLL_CTL_ADD, 0, &e);
    for (;;) {
        int n = epoll_wait(poller, events, EVENTS_MAX, -1);

        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;

            if (fd == listener)
                on_caller(listener);
            else if (fd != 0)
                on_input(fd);
            else if (!on_command(bytes))
                return 0;
        }
    }
}
