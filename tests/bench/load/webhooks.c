/* Signed orders/create webhooks to a gateway, from one thread and cheaply: every request is made
 * and signed before the first is sent. Prints what it measured as one line of JSON.
 *
 *   webhooks HOST:PORT [--connections 64] [--seconds 5] [--rate 0] [--orders 4000] [--first 0]
 *            [--customers 0] [--bytes 8192] [--shops 8] [--secret hush]
 *            [--watch HOST:PORT --token JWT]
 *
 *   --rate 0       as fast as they are answered, each connection its next one (closed loop)
 *   --rate N       N a second, evenly (open loop): latency counts from the moment at which a request
 *                  was due, also when no connection was free then
 *   --orders N     different ones; afterwards they come again, under new ids of event and delivery
 *   --first N      number of the first order
 *   --customers N  who order; 0: every order has one of its own
 *   --shops N      bench-0.myshopify.com, bench-1 ...
 *   --watch        a realtime server that a dashboard listens to: when each order's row comes out
 *                  there is measured too, from the same moment; wants a --rate */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../lib/order.h"
#include "base/hmac.h"
#include "simulate/histogram.h"
#include "simulate/websocket.h"

enum {
    CONNECTIONS_MAX = 4096,
    EVENTS_MAX = 256,
    HEAD_MAX = 1024,
    REPLY_MAX = 2048,
    SERIAL_DIGITS = 12,
    SETTLE_US = 10 * 1000 * 1000, /* for what is still on its way after the last request */
    READ_MAX = 256 * 1024,
};

static const struct option {
    const char *name, *fallback;
} options[] = {
    {"connections", "64"}, {"seconds", "5"},   {"rate", "0"},     {"orders", "4000"},
    {"first", "0"},        {"customers", "0"}, {"bytes", "8192"}, {"shops", "8"},
    {"secret", "hush"},    {"watch", ""},      {"token", ""},
};
enum {
    CONNECTIONS,
    SECONDS,
    RATE,
    ORDERS,
    FIRST,
    CUSTOMERS,
    BYTES,
    SHOPS,
    SECRET,
    WATCH,
    TOKEN,
    OPTIONS
};
static const char *given[OPTIONS], *gateway;

struct request {
    char *bytes;
    size_t len, serials[2]; /* where the ids of event and delivery have their number */
};

struct connection {
    int fd;
    bool wants_write;
    const struct request *request; /* being sent or waiting for its answer; NULL: idle */
    size_t sent;
    uint64_t due_us;
    size_t n; /* of the reply so far */
    char reply[REPLY_MAX];
};

static struct request *requests;
static struct connection *connections;
static unsigned n_connections, n_idle;
static struct connection **idle;
static uint64_t n_requests, first, sent, answered, refused, broken;
static struct histogram answers, sightings;
static int poller;
static uint64_t began_us, end_us; /* of sending */
static double interval_us;        /* 0: closed loop */

static struct {
    int fd; /* -1: nobody watches */
    bool upgraded, joined;
    struct websocket_in in;
    uint64_t seen;
    bool *seen_order;
} watch = {.fd = -1};

static void die(const char *what)
{
    fprintf(stderr, "webhooks: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void *need(void *memory)
{
    if (memory == NULL)
        die("memory");
    return memory;
}

static uint64_t number(unsigned option)
{
    return strtoull(given[option], NULL, 10);
}

static uint64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* ---- making the requests ---- */

static void make(struct request *r, uint64_t order, int64_t now_s, const struct hmac_key *key)
{
    size_t bytes = number(BYTES);
    uint64_t people = number(CUSTOMERS);
    const struct bench_order o = {.number = order,
                                  .customer = people > 0 ? order % people : order,
                                  .created_s = now_s,
                                  .bytes = bytes};
    char head[HEAD_MAX], signature[BASE64_SIZE(SHA256_SIZE) + 1], *body = need(malloc(bytes));
    uint8_t mac[SHA256_SIZE];
    char at[64];
    time_t second = now_s;
    int n;

    bench_order_write(body, &o);
    if (!hmac_sha256(key, mac, body, bytes))
        die("hmac");
    base64_encode(signature, mac, sizeof mac);
    strftime(at, sizeof at, "%Y-%m-%dT%H:%M:%S", gmtime(&second));
    n = snprintf(
        head, sizeof head,
        "POST /webhooks/shopify HTTP/1.1\r\nHost: bench\r\nUser-Agent: Shopify-Captain-Hook\r\n"
        "Accept: */*\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
        "X-Shopify-Topic: orders/create\r\nX-Shopify-Shop-Domain: bench-%" PRIu64
        ".myshopify.com\r\n"
        "X-Shopify-API-Version: 2026-07\r\nX-Shopify-Event-Id: 98880550-7158-44d4-b7cd-%0*d\r\n"
        "X-Shopify-Webhook-Id: b54557e4-bdd9-4b37-8a5f-%0*d\r\n"
        "X-Shopify-Triggered-At: %s.%09" PRIu64 "Z\r\nX-Shopify-Order-Id: %" PRIu64 "\r\n"
        "X-Shopify-Hmac-Sha256: %s\r\n\r\n",
        bytes, order % number(SHOPS), SERIAL_DIGITS, 0, SERIAL_DIGITS, 0, at, order % 1000000000,
        BENCH_ORDER_ID + order, signature);
    r->len = (size_t)n + bytes;
    r->bytes = need(malloc(r->len));
    memcpy(r->bytes, head, (size_t)n);
    memcpy(r->bytes + n, body, bytes);
    r->serials[0] = (size_t)(strstr(head, "b7cd-") + 5 - head);
    r->serials[1] = (size_t)(strstr(head, "8a5f-") + 5 - head);
    free(body);
}

static void make_all(void)
{
    struct hmac_key key;

    n_requests = number(ORDERS);
    requests = need(calloc(n_requests, sizeof *requests));
    if (!hmac_key_init(&key, given[SECRET], strlen(given[SECRET])))
        die("secret");
    for (uint64_t i = 0; i < n_requests; i++)
        make(&requests[i], first + i, (int64_t)time(NULL), &key);
    hmac_key_free(&key);
}

/* ---- sockets ---- */

static int dial(const char *where)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    const char *colon = strrchr(where, ':');
    char host[64];
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    snprintf(host, sizeof host, "%.*s", colon == NULL ? 0 : (int)(colon - where), where);
    if (inet_pton(AF_INET, host, &to.sin_addr) != 1) {
        fprintf(stderr, "webhooks: \"%s\" is not an address HOST:PORT\n", where);
        exit(2);
    }
    to.sin_port = htons((uint16_t)atoi(colon + 1));
    if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof to) != 0)
        die(where);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* ---- sending ---- */

static void listen_for(struct connection *c, bool write)
{
    struct epoll_event e = {.events = write ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = c};

    c->wants_write = write;
    if (epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e) != 0)
        die("epoll_ctl");
}

static void lose(struct connection *c)
{
    broken++;
    close(c->fd);
    c->fd = -1;
    if (broken == n_connections) {
        fprintf(stderr, "webhooks: every connection broke\n");
        exit(1);
    }
}

static void go_on_sending(struct connection *c)
{
    ssize_t n = send(c->fd, c->request->bytes + c->sent, c->request->len - c->sent, MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN) {
        lose(c);
        return;
    }
    c->sent += n > 0 ? (size_t)n : 0;
    if ((c->sent < c->request->len) != c->wants_write)
        listen_for(c, c->sent < c->request->len);
}

/* The next request, which was due at `due_us`. */
static void begin(struct connection *c, uint64_t due_us)
{
    struct request *r = &requests[sent % n_requests];

    for (int i = 0; i < 2; i++) {
        uint64_t serial = first + sent;
        for (int d = SERIAL_DIGITS - 1; d >= 0; d--, serial /= 10)
            r->bytes[r->serials[i] + (size_t)d] = (char)('0' + serial % 10);
    }
    sent++;
    c->request = r;
    c->sent = c->n = 0;
    c->due_us = due_us;
    go_on_sending(c);
}

static uint64_t due_us(uint64_t k)
{
    return began_us + (uint64_t)((double)k * interval_us);
}

static void send_what_is_due(void)
{
    uint64_t now = now_us();

    while (n_idle > 0 && (interval_us > 0 ? due_us(sent) : now) < end_us &&
           (interval_us == 0 || due_us(sent) <= now))
        begin(idle[--n_idle], interval_us > 0 ? due_us(sent) : now);
}

/* Length of the whole reply; 0: its head is not all here yet. */
static size_t reply_length(const struct connection *c)
{
    const char *end = memmem(c->reply, c->n, "\r\n\r\n", 4), *length;

    if (end == NULL)
        return 0;
    length = memmem(c->reply, (size_t)(end - c->reply), "Content-Length: ", 16);
    if (length == NULL)
        length = memmem(c->reply, (size_t)(end - c->reply), "content-length: ", 16);
    return (size_t)(end - c->reply) + 4 + (length != NULL ? strtoul(length + 16, NULL, 10) : 0);
}

static void on_reply(struct connection *c)
{
    ssize_t n = recv(c->fd, c->reply + c->n, sizeof c->reply - c->n, 0);
    size_t whole;

    if (n <= 0) {
        if (n == 0 || errno != EAGAIN)
            lose(c);
        return;
    }
    c->n += (size_t)n;
    whole = reply_length(c);
    if (c->request == NULL || c->n == sizeof c->reply || (whole > 0 && c->n > whole)) {
        lose(c); /* an answer to nothing, or one that we do not expect */
        return;
    }
    if (whole == 0 || c->n < whole)
        return;
    answered++;
    refused += strncmp(c->reply, "HTTP/1.1 200", 12) != 0;
    histogram_add(&answers, now_us() - c->due_us);
    c->request = NULL;
    idle[n_idle++] = c;
}

static void connect_all(void)
{
    n_connections = (unsigned)number(CONNECTIONS);
    connections = need(calloc(n_connections, sizeof *connections));
    idle = need(calloc(n_connections, sizeof(struct connection *)));
    for (unsigned i = 0; i < n_connections; i++) {
        struct connection *c = &connections[i];
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};

        c->fd = dial(gateway);
        if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &e) != 0)
            die("epoll_ctl");
        idle[n_idle++] = c;
    }
}

/* ---- the dashboard ---- */

static void say(enum websocket_op op, const char *text, size_t n)
{
    char frame[4096 + WS_HEAD_MAX];
    size_t len;

    if (n > 4096)
        die("what the dashboard says is too long");
    len = websocket_frame(frame, op, text, n);
    if (send(watch.fd, frame, len, MSG_NOSIGNAL) != (ssize_t)len)
        die("websocket");
}

static void on_frame(enum websocket_op op, struct text payload)
{
    struct live_message m;
    uint64_t order;

    if (op == WS_PING)
        say(WS_PONG, payload.p, payload.n);
    if (op == WS_CLOSE)
        die("the server closed the websocket");
    if (op != WS_TEXT)
        return;
    live_read(&m, payload);
    if (m.kind == LIVE_REFUSED) {
        fprintf(stderr, "webhooks: the dashboard may not listen: %.*s\n", (int)m.why.n, m.why.p);
        exit(1);
    }
    watch.joined |= m.kind == LIVE_JOINED;
    order = m.id - BENCH_ORDER_ID - first;
    if (m.kind != LIVE_ORDER || order >= sent || watch.seen_order[order])
        return;
    watch.seen_order[order] = true;
    watch.seen++;
    histogram_add(&sightings, now_us() - due_us(order));
}

static void upgraded(void)
{
    const char *end = memmem(watch.in.p, watch.in.n, "\r\n\r\n", 4);
    char join[2048];

    if (end == NULL)
        return;
    if (strncmp(watch.in.p, "HTTP/1.1 101", 12) != 0)
        die("no websocket");
    websocket_taken(&watch.in, (size_t)(end - watch.in.p) + 4);
    watch.upgraded = true;
    say(WS_TEXT, join, live_join(join, sizeof join, given[TOKEN]));
}

static void on_watched(void)
{
    static char buffer[READ_MAX];
    ssize_t n = recv(watch.fd, buffer, sizeof buffer, 0);
    enum websocket_got got;
    enum websocket_op op;
    struct text payload;
    size_t len;

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0 || !websocket_feed(&watch.in, buffer, (size_t)n))
        die("the websocket is gone");
    if (!watch.upgraded)
        upgraded();
    while (watch.upgraded &&
           (got = websocket_next(&watch.in, &op, &payload, &len)) != WS_GOT_NOTHING) {
        if (got == WS_GOT_BROKEN)
            die("websocket");
        on_frame(op, payload);
        websocket_taken(&watch.in, len);
    }
}

static void open_watch(void)
{
    static const char request[] =
        "GET /realtime/v1/websocket?apikey=bench&vsn=2.0.0 HTTP/1.1\r\nHost: bench\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = &watch};

    watch.seen_order = need(calloc(n_requests, sizeof(bool)));
    watch.fd = dial(given[WATCH]);
    if (send(watch.fd, request, sizeof request - 1, MSG_NOSIGNAL) != sizeof request - 1 ||
        epoll_ctl(poller, EPOLL_CTL_ADD, watch.fd, &e) != 0)
        die("websocket");
}

/* ---- the loop ---- */

/* At most until the next request is due. */
static void turn(void)
{
    struct epoll_event events[EVENTS_MAX];
    uint64_t now = now_us(), next = now + 100000;
    struct timespec wait = {0};
    int n;

    if (interval_us > 0 && began_us > 0 && n_idle > 0 && due_us(sent) < end_us)
        next = due_us(sent);
    if (next > now)
        wait.tv_nsec = (long)(next - now < 100000 ? next - now : 100000) * 1000;
    n = epoll_pwait2(poller, events, EVENTS_MAX, &wait, NULL);
    for (int i = 0; i < n; i++) {
        struct connection *c = events[i].data.ptr;

        if (events[i].data.ptr == &watch) {
            on_watched();
            continue;
        }
        if (c->fd >= 0 && events[i].events & EPOLLOUT)
            go_on_sending(c);
        if (c->fd >= 0 && events[i].events & ~(uint32_t)EPOLLOUT)
            on_reply(c);
    }
}

static bool all_is_told(void)
{
    return answered + broken >= sent && (watch.fd < 0 || watch.seen >= answered - refused);
}

static void run(void)
{
    uint64_t settle, last;

    while (watch.fd >= 0 && !watch.joined)
        turn();
    began_us = now_us();
    end_us = began_us + (uint64_t)(strtod(given[SECONDS], NULL) * 1e6);
    interval_us = strtod(given[RATE], NULL) > 0 ? 1e6 / strtod(given[RATE], NULL) : 0;
    while (now_us() < end_us ||
           (interval_us > 0 && due_us(sent) < end_us && now_us() < end_us + SETTLE_US)) {
        send_what_is_due();
        turn();
    }
    last = now_us();
    for (settle = last + SETTLE_US; !all_is_told() && now_us() < settle;)
        turn();
    end_us = last;
}

static void print_times(const char *name, const struct histogram *h)
{
    printf(",\"%sp50_ms\":%.3f,\"%sp95_ms\":%.3f,\"%sp99_ms\":%.3f,\"%smax_ms\":%.3f", name,
           (double)histogram_percentile(h, 0.5) / 1000, name,
           (double)histogram_percentile(h, 0.95) / 1000, name,
           (double)histogram_percentile(h, 0.99) / 1000, name, (double)h->max / 1000);
}

static void report(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    printf("{\"seconds\":%.3f,\"sent\":%" PRIu64 ",\"requests\":%" PRIu64 ",\"refused\":%" PRIu64
           ",\"broken\":%" PRIu64,
           (double)(end_us - began_us) / 1e6, sent, answered, refused, broken);
    print_times("", &answers);
    if (watch.fd >= 0) {
        printf(",\"seen\":%" PRIu64, watch.seen);
        print_times("live_", &sightings);
    }
    printf("}\n");
}

static void read_options(int argc, char **argv)
{
    int i = 2;

    for (unsigned o = 0; o < OPTIONS; o++)
        given[o] = options[o].fallback;
    for (; i + 1 < argc; i += 2) {
        unsigned o = 0;
        while (o < OPTIONS &&
               (strncmp(argv[i], "--", 2) != 0 || strcmp(argv[i] + 2, options[o].name) != 0))
            o++;
        if (o == OPTIONS)
            break;
        given[o] = argv[i + 1];
    }
    if (argc < 2 || i < argc) {
        fprintf(stderr, "webhooks: \"%s\" is no option of it; the comment in webhooks.c has them\n",
                argc < 2 ? "" : argv[i]);
        exit(2);
    }
    gateway = argv[1];
}

int main(int argc, char **argv)
{
    struct rlimit files;

    read_options(argc, argv);
    if (number(CONNECTIONS) < 1 || number(CONNECTIONS) > CONNECTIONS_MAX || number(ORDERS) < 1 ||
        number(BYTES) < BENCH_ORDER_LEAST || number(BYTES) > BENCH_ORDER_MAX || number(SHOPS) < 1 ||
        (*given[WATCH] != '\0' &&
         strtod(given[RATE], NULL) * strtod(given[SECONDS], NULL) > (double)number(ORDERS))) {
        fprintf(
            stderr,
            "webhooks: an option is out of its range, or fewer --orders than will be watched\n");
        return 2;
    }
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    first = number(FIRST);
    make_all();
    poller = epoll_create1(0);
    connect_all();
    if (*given[WATCH] != '\0')
        open_watch();
    run();
    report();
    return refused > 0 || broken > 0;
}
