/* Thousands of websockets that join and then only listen, from one thread: so that the server's CPU is what is measured.
 *
 *   crowd HOST PORT N JOINS    JOINS: a file of join messages, one a line; socket i says line i modulo their number
 *
 * "ready" when every socket has heard two frames (the reply and `system`). On standard input: "reset" sets the counters to zero,
 * "expect K" is answered with "done" when, since the last reset, as many frames were heard as were expected by then altogether,
 * "report" prints the counters as one line of JSON. Latency: from the moment that a row carries as "at":microseconds to its
 * being read.
 * A PING is answered. Ends with its standard input. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
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
    JOIN_MAX = 16 * 1024,
    JOINS_MAX = 4096,
    READ_MAX = 256 * 1024,
    EVENTS_MAX = 512,
    OPENING_MAX = 256, /* handshakes at once */
    BUCKETS = 4000,    /* of latency, 2 % apart from 10 us on */
    GREETING = 2,
    HELD_MAX = 64, /* of a frame's header or of a PING, between two reads */
};

struct socket {
    int fd;
    bool upgraded;
    unsigned matched; /* of "\r\n\r\n" */
    unsigned heard;
    unsigned held;    /* bytes of a frame that is not whole yet */
    uint64_t to_skip; /* of a payload */
    unsigned char hold[HELD_MAX];
};

static struct socket *sockets;
static unsigned n_sockets, n_opened, n_upgraded, n_ready, n_closed, n_joins;
static char *joins[JOINS_MAX];
static int poller;
static bool waiting; /* for "done" */
static uint64_t expected, frames, bytes, latencies, buckets[BUCKETS];

static uint64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* ---- counting ---- */

static void count_latency(uint64_t us)
{
    double edge = 10;
    unsigned i = 0;

    while (i + 1 < BUCKETS && us > (uint64_t)edge) {
        edge *= 1.02;
        i++;
    }
    buckets[i]++;
    latencies++;
}

static double percentile(double share)
{
    uint64_t wanted = (uint64_t)((double)latencies * share), seen = 0;
    double edge = 10;

    for (unsigned i = 0; i < BUCKETS; i++, edge *= 1.02)
        if ((seen += buckets[i]) > wanted)
            return edge / 1000;
    return 0;
}

static void report(void)
{
    printf("{\"frames\":%llu,\"bytes\":%llu,\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"closed\":%u}\n",
           (unsigned long long)frames, (unsigned long long)bytes, percentile(0.5), percentile(0.99),
           n_closed);
    fflush(stdout);
}

/* ---- frames ---- */

static void say(struct socket *s, unsigned char opcode, const char *text, size_t n)
{
    unsigned char frame[JOIN_MAX + 16];
    size_t head = n < 126 ? 2 : 4;

    frame[0] = opcode;
    frame[1] = (unsigned char)(0x80 | (n < 126 ? n : 126));
    frame[2] = (unsigned char)(n >> 8);
    frame[3] = (unsigned char)n;
    memset(frame + head, 0, 4); /* a mask of zeros */
    memcpy(frame + head + 4, text, n);
    if (write(s->fd, frame, head + 4 + n) != (ssize_t)(head + 4 + n))
        die("write");
}

/* Frames may be heard before they are expected. */
static void say_done(void)
{
    if (!waiting || frames < expected)
        return;
    waiting = false;
    printf("done\n");
    fflush(stdout);
}

static void count_frame(struct socket *s, const unsigned char *payload, size_t n)
{
    const char *at = memmem(payload, n, "\"at\":", 5);

    frames++;
    say_done();
    if (s->heard < GREETING && ++s->heard == GREETING && ++n_ready == n_sockets) {
        printf("ready\n");
        fflush(stdout);
    }
    if (at != NULL)
        count_latency(now_us() - strtoull(at + 5, NULL, 10));
}

/* A frame's length with its header; 0: not enough of it is here. */
static uint64_t frame_length(const unsigned char *p, size_t n, size_t *head)
{
    uint64_t len;

    *head = 2;
    if (n < 2)
        return 0;
    len = p[1] & 0x7F;
    if (len == 126) {
        *head = 4;
        len = n < 4 ? 0 : (uint64_t)p[2] << 8 | p[3];
    } else if (len == 127) {
        *head = 10;
        len = 0;
        for (int i = 2; n >= 10 && i < 10; i++)
            len = len << 8 | p[i];
    }
    return n < *head ? 0 : *head + len;
}

/* Whole frames are counted where they lie; the beginning of the next one is held, a long rest of it only skipped. */
static void take(struct socket *s, unsigned char *p, size_t n)
{
    while (n > 0) {
        size_t head, here;
        uint64_t whole;

        if (s->to_skip > 0) {
            here = n < s->to_skip ? n : (size_t)s->to_skip;
            s->to_skip -= here;
            p += here;
            n -= here;
            continue;
        }
        whole = frame_length(p, n, &head);
        if (whole == 0 || (whole > n && n < HELD_MAX)) {
            memcpy(s->hold, p, n);
            s->held = (unsigned)n;
            return;
        }
        here = whole < n ? (size_t)whole : n;
        if ((p[0] & 0x0F) == 9)
            say(s, 0x8A, (const char *)p + head, here - head);
        else if ((p[0] & 0x0F) < 8)
            count_frame(s, p + head, here - head);
        s->to_skip = whole - here;
        p += here;
        n -= here;
    }
}

static void drop(struct socket *s)
{
    close(s->fd);
    s->fd = -1;
    n_closed++;
}

static void on_readable(struct socket *s)
{
    static unsigned char buffer[READ_MAX];
    unsigned held = s->held;
    unsigned char *p = buffer;
    ssize_t n;

    memcpy(buffer, s->hold, held);
    n = read(s->fd, buffer + held, sizeof buffer - held);
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN)
            drop(s);
        return;
    }
    bytes += (uint64_t)n;
    n += held;
    s->held = 0;
    while (!s->upgraded && n > 0) {
        s->matched = *p == (unsigned char)"\r\n\r\n"[s->matched] ? s->matched + 1 : *p == '\r';
        p++;
        n--;
        if (s->matched == 4) {
            const char *join = joins[(unsigned)(s - sockets) % n_joins];

            s->upgraded = true;
            n_upgraded++;
            say(s, 0x81, join, strlen(join));
        }
    }
    if (n > 0)
        take(s, p, (size_t)n);
}

/* ---- opening ---- */

static void open_one(struct socket *s, const struct sockaddr_in *to)
{
    static const char request[] =
        "GET /realtime/v1/websocket?apikey=crowd&vsn=2.0.0 HTTP/1.1\r\nHost: crowd\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};

    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (s->fd < 0 || connect(s->fd, (const struct sockaddr *)to, sizeof *to) != 0 ||
        write(s->fd, request, sizeof request - 1) != sizeof request - 1)
        die("connect");
    fcntl(s->fd, F_SETFL, O_NONBLOCK);
    if (epoll_ctl(poller, EPOLL_CTL_ADD, s->fd, &event) != 0)
        die("epoll_ctl");
}

static void read_joins(const char *path)
{
    FILE *f = fopen(path, "r");
    char line[JOIN_MAX];

    if (f == NULL)
        die(path);
    while (n_joins < JOINS_MAX && fgets(line, sizeof line, f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        joins[n_joins++] = strdup(line);
    }
    fclose(f);
    if (n_joins == 0)
        exit(1);
}

/* False: standard input has ended. */
static bool on_command(void)
{
    char line[64];

    if (fgets(line, sizeof line, stdin) == NULL)
        return false;
    if (strncmp(line, "report", 6) == 0) {
        report();
    } else if (strncmp(line, "expect ", 7) == 0) {
        expected += strtoull(line + 7, NULL, 10);
        waiting = true;
        say_done();
    } else {
        expected = frames = bytes = latencies = 0;
        memset(buckets, 0, sizeof buckets);
    }
    return true;
}

int main(int argc, char **argv)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    struct epoll_event events[EVENTS_MAX], input = {.events = EPOLLIN, .data.ptr = NULL};
    struct rlimit limit;

    if (argc != 5 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
        return 2;
    to.sin_port = htons((uint16_t)atoi(argv[2]));
    n_sockets = (unsigned)atoi(argv[3]);
    read_joins(argv[4]);
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    setvbuf(stdin, NULL, _IONBF, 0);
    sockets = calloc(n_sockets, sizeof *sockets);
    poller = epoll_create1(0);
    if (sockets == NULL || poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, 0, &input) != 0)
        die("start");
    for (;;) {
        while (n_opened < n_sockets && n_opened - n_upgraded < OPENING_MAX)
            open_one(&sockets[n_opened++], &to);
        int n = epoll_wait(poller, events, EVENTS_MAX, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr != NULL)
                on_readable(events[i].data.ptr);
            else if (!on_command())
                return 0;
        }
    }
}
