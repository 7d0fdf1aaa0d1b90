/* workers/runtime/door_*.c on real loopback sockets: the door turns on this thread's loop, the
 * clients block in a thread of their own. A plain POST is read by the door itself, anything else by
 * libmicrohttpd: what must hold for both is tested with both. Every test ends with door_close() and an empty loop, so a
 * handle, a socket or a request that was forgotten fails it. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "event.h"
#include "runtime/door.h"

/* Requests that would be plain are not: they announce a trailer, which means nothing. */
static bool through_mhd;

enum { BODY_MAX = 8 << 20, LATER_MS = 5, ANSWER_MS_MAX = 5000 };

static struct {
    uv_loop_t loop;
    struct door *door;
    uv_async_t done;
    unsigned port;
    unsigned handled, given, deferred, answered;
    struct http_request *held; /* of /never */
    FILE *file;
    void (*client)(void);
    char failure[400];
    uint64_t grace_ms;
} t;

/* cmocka cannot jump out of another thread: the first failure is kept and told at the end. */
__attribute__((format(printf, 3, 4))) static void keep_failure(int line, const char *condition,
                                                               const char *format, ...)
{
    size_t n = (size_t)snprintf(t.failure, sizeof t.failure, "line %d: %.120s:", line, condition);
    va_list ap;

    va_start(ap, format);
    vsnprintf(t.failure + n, sizeof t.failure - n, format, ap);
    va_end(ap);
}

#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition) && t.failure[0] == '\0') {                                                \
            keep_failure(__LINE__, #condition, " " __VA_ARGS__);                                   \
        }                                                                                          \
    } while (0)

/* ---- the roles of the test ---- */

static void echo(struct http_request *r)
{
    size_t len;
    const char *body = http_body(r, &len);
    struct http_reply reply = {.status = 200,
                               .body = body,
                               .len = len,
                               .headers = {"X-Path", http_path(r), "X-Peer", http_peer(r), NULL}};

    for (size_t i = 0; i < EVENT_BODY_PADDING; i++)
        CHECK(body[len + i] == 0, "the padding is readable and zero");
    t.answered++;
    http_respond(r, &reply);
}

static void on_echo(void *ctx, struct http_request *r)
{
    (void)ctx;
    t.handled++;
    echo(r);
}

struct later {
    uv_timer_t timer;
    struct http_request *r;
};

static void on_later_closed(uv_handle_t *h)
{
    free(h->data);
}

static void on_later_due(uv_timer_t *timer)
{
    struct later *l = timer->data;

    echo(l->r);
    uv_close((uv_handle_t *)timer, on_later_closed);
}

static void on_later(void *ctx, struct http_request *r)
{
    struct later *l = calloc(1, sizeof *l);

    (void)ctx;
    t.handled++;
    t.deferred++;
    l->r = r;
    l->timer.data = l;
    uv_timer_init(&t.loop, &l->timer);
    uv_timer_start(&l->timer, on_later_due, LATER_MS, 0);
}

static void on_never(void *ctx, struct http_request *r)
{
    (void)ctx;
    t.handled++;
    t.held = r;
}

static void on_nothing(void *ctx, struct http_request *r)
{
    (void)ctx;
    http_respond(r, &(struct http_reply){.status = 204});
}

enum { LARGE_SIZE = 8 << 20 };

/* More than a socket takes at once; byte i of it is i / 7. */
static void on_large(void *ctx, struct http_request *r)
{
    struct http_reply reply = {.status = 200, .content_type = "x/y", .len = LARGE_SIZE};
    char *body = malloc(LARGE_SIZE);

    (void)ctx;
    for (size_t i = 0; i < LARGE_SIZE; i++)
        body[i] = (char)(unsigned char)(i / 7);
    reply.body = body;
    http_respond(r, &reply);
    free(body);
}

/* The body is given back before the answer. */
static void on_done(void *ctx, struct http_request *r)
{
    size_t len = 1;

    http_body_done(r);
    CHECK(*http_body(r, &len) == 0 && len == 0);
    on_later(ctx, r);
}

enum { FILE_SIZE = 3 << 20 };

/* Byte i of the file is i / 7, so that a part tells where it is from. */
static void make_file(void)
{
    unsigned char piece[4096];
    FILE *f = tmpfile();

    for (size_t i = 0; i < FILE_SIZE; i++) {
        piece[i % sizeof piece] = (unsigned char)(i / 7);
        if (i % sizeof piece == sizeof piece - 1)
            assert_int_equal(fwrite(piece, 1, sizeof piece, f), sizeof piece);
    }
    assert_int_equal(fflush(f), 0);
    t.file = f;
}

/* "?offset-length" of the file. */
static void on_file(void *ctx, struct http_request *r)
{
    const char *dash = strchr(http_query(r), '-');
    struct http_reply reply = {.status = 206, .content_type = "audio/wav"};

    (void)ctx;
    reply.len = (size_t)atol(dash + 1);
    http_respond_file(r, &reply, dup(fileno(t.file)), (uint64_t)atol(http_query(r)));
}

static bool take_websocket(void *ctx, int fd)
{
    char text[1024];
    ssize_t n = read(fd, text, sizeof text);

    (void)ctx;
    t.given++;
    CHECK(n > 0 && strncmp(text, "GET /realtime/v1/websocket", 26) == 0, "given away unread");
    CHECK(write(fd, "GIVEN", 5) == 5);
    close(fd);
    return true;
}

/* ---- the frame ---- */

static void on_door_closed(void *ctx)
{
    (void)ctx;
    t.door = NULL;
}

static void on_client_done(uv_async_t *a)
{
    uv_close((uv_handle_t *)a, NULL);
    door_close(t.door, t.grace_ms, on_door_closed, NULL);
}

static void *client_thread(void *arg)
{
    (void)arg;
    t.client();
    uv_async_send(&t.done);
    return NULL;
}

static void run_door(void (*client)(void), uint64_t idle_ms, unsigned connections_max)
{
    struct door_options options = {
        .address = "127.0.0.1:0", .connections_max = connections_max, .idle_timeout_ms = idle_ms};
    char error[200];
    pthread_t thread;

    memset(&t, 0, sizeof t);
    make_file();
    t.grace_ms = 3000;
    t.client = client;
    assert_int_equal(uv_loop_init(&t.loop), 0);
    t.door = door_open(&t.loop, &options, error, sizeof error);
    assert_non_null(t.door);
    t.port = (unsigned)atoi(strrchr(door_address(t.door), ':') + 1);
    door_route(t.door, "POST", "/echo", BODY_MAX, on_echo, NULL);
    door_route(t.door, "GET", "/echo", 0, on_echo, NULL);
    door_route(t.door, "POST", "/later", BODY_MAX, on_later, NULL);
    door_route(t.door, "POST", "/never", BODY_MAX, on_never, NULL);
    door_route(t.door, "POST", "/nothing", BODY_MAX, on_nothing, NULL);
    door_route(t.door, "POST", "/large", BODY_MAX, on_large, NULL);
    door_route(t.door, "POST", "/done", BODY_MAX, on_done, NULL);
    door_route(t.door, "GET", "/tree/*", 0, on_echo, NULL);
    door_route(t.door, "GET", "/file", 0, on_file, NULL);
    door_give_away(t.door, "GET /realtime/v1/websocket", take_websocket, NULL);
    uv_async_init(&t.loop, &t.done, on_client_done);
    assert_int_equal(pthread_create(&thread, NULL, client_thread, NULL), 0);
    uv_run(&t.loop, UV_RUN_DEFAULT);
    pthread_join(thread, NULL);
    assert_null(t.door);
    if (t.held != NULL) { /* its connection is long gone: the answer must be harmless */
        struct http_reply reply = {.status = 200};
        size_t len;

        assert_null(http_header(t.held, "Host"));
        http_body(t.held, &len);
        http_respond(t.held, &reply);
    }
    assert_int_equal(uv_loop_close(&t.loop), 0);
    fclose(t.file);
    if (t.failure[0] != '\0')
        fail_msg("%s", t.failure);
}

/* ---- a small blocking client ---- */

struct client {
    int fd;
    char in[65536];
    size_t n;
};

struct answer {
    unsigned status; /* 0: the connection ended without one */
    char head[2048];
    char body[4096]; /* its first bytes */
    size_t body_len;
};

static void pause_ms(long ms)
{
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&pause, NULL);
}

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void dial(struct client *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)t.port)};
    struct timeval limit = {ANSWER_MS_MAX / 1000, 0};

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->n = 0;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    CHECK(connect(c->fd, (struct sockaddr *)&to, sizeof to) == 0, "%s", strerror(errno));
}

/* False: the other side has closed. */
static bool say_n(struct client *c, const char *text, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(c->fd, text, n, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        text += sent;
        n -= (size_t)sent;
    }
    return true;
}

/* The requests of `text` as this run sends them; the caller frees it. */
static char *as_sent(const char *text, size_t *n)
{
    static const char version[] = "HTTP/1.1\r\n", trailer[] = "Trailer: x\r\n";
    char *out = calloc(2, *n + sizeof trailer), *to = out;

    for (size_t i = 0; i < *n; i++) {
        *to++ = text[i];
        if (through_mhd && i + 1 >= sizeof version - 1 &&
            memcmp(text + i + 2 - sizeof version, version, sizeof version - 1) == 0)
            to = (char *)memcpy(to, trailer, sizeof trailer - 1) + sizeof trailer - 1;
    }
    *n = (size_t)(to - out);
    return out;
}

static bool say(struct client *c, const char *text)
{
    size_t n = strlen(text);
    char *sent = as_sent(text, &n);
    bool taken = say_n(c, sent, n);

    free(sent);
    return taken;
}

static bool more(struct client *c)
{
    ssize_t n = recv(c->fd, c->in + c->n, sizeof c->in - 1 - c->n, 0);

    CHECK(n >= 0 || errno == ECONNRESET || errno == EPIPE, "no answer in time: %s",
          strerror(errno));
    if (n <= 0)
        return false;
    c->n += (size_t)n;
    c->in[c->n] = '\0';
    return true;
}

static struct answer hear(struct client *c)
{
    struct answer a = {0};
    char *end;
    size_t head, len = 0;
    const char *field;

    c->in[c->n] = '\0';
    while ((end = strstr(c->in, "\r\n\r\n")) == NULL)
        if (!more(c))
            return a;
    head = (size_t)(end - c->in) + 4;
    snprintf(a.head, sizeof a.head, "%.*s", (int)head, c->in);
    a.status = (unsigned)atoi(c->in + 9);
    field = strcasestr(a.head, "\r\nContent-Length:");
    if (field != NULL)
        len = (size_t)atol(field + 17);
    a.body_len = len;
    for (size_t copied = 0; len > 0;) {
        size_t there = c->n - head < len ? c->n - head : len;

        if (copied < sizeof a.body - 1) {
            size_t room = sizeof a.body - 1 - copied;

            memcpy(a.body + copied, c->in + head, there < room ? there : room);
            copied += there < room ? there : room;
        }
        memmove(c->in + head, c->in + head + there, c->n - head - there);
        c->n -= there;
        len -= there;
        if (len > 0 && !more(c)) {
            a.status = 0;
            return a;
        }
    }
    memmove(c->in, c->in + head, c->n - head);
    c->n -= head;
    return a;
}

static bool is_closed(struct client *c)
{
    return c->n == 0 && !more(c);
}

static void hang_up(struct client *c)
{
    close(c->fd);
}

static unsigned once(const char *text, char *head)
{
    struct client *c = malloc(sizeof *c);
    struct answer a;

    dial(c);
    say(c, text);
    a = hear(c);
    if (head != NULL)
        strcpy(head, a.head);
    hang_up(c);
    free(c);
    return a.status;
}

/* ---- what must work ---- */

/* A part of the file, as it must be. */
static void ask_file(struct client *c, size_t offset, size_t len, const char *method)
{
    char text[128];
    struct answer a;

    snprintf(text, sizeof text, "%s /file?%zu-%zu HTTP/1.1\r\nHost: x\r\n\r\n", method, offset,
             len);
    say(c, text);
    if (strcmp(method, "HEAD") == 0) {
        c->in[c->n] = '\0';
        while (strstr(c->in, "\r\n\r\n") == NULL && more(c))
            ;
        snprintf(text, sizeof text, "Content-Length: %zu\r\n", len);
        CHECK(strncmp(c->in, "HTTP/1.1 206", 12) == 0 && strstr(c->in, text) != NULL, "%s", c->in);
        CHECK(strlen(strstr(c->in, "\r\n\r\n")) == 4, "a HEAD gets no body");
        c->n = 0;
        return;
    }
    a = hear(c);
    CHECK(a.status == 206 && a.body_len == len, "%zu+%zu: %u %zu", offset, len, a.status,
          a.body_len);
    CHECK(strstr(a.head, "Content-Type: audio/wav\r\n") != NULL, "%s", a.head);
    for (size_t i = 0; i < len && i < sizeof a.body - 1; i++)
        CHECK((unsigned char)a.body[i] == (unsigned char)((offset + i) / 7), "%zu+%zu at %zu",
              offset, len, i);
}

static void file_client(void)
{
    static const size_t parts[][2] = {{0, 1},         {0, FILE_SIZE},    {FILE_SIZE - 1, 1},
                                      {12345, 67890}, {4096, 100},       {FILE_SIZE, 0},
                                      {0, 0},         {1 << 20, 2 << 20}};
    struct client c;

    dial(&c);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        ask_file(&c, parts[i][0], parts[i][1], "GET");
        ask_file(&c, parts[i][0], parts[i][1], "HEAD"); /* the connection goes on */
    }
    hang_up(&c);
}

static unsigned open_files(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* Whatever happens, the file is closed. */
static void run_file_door(void (*client)(void))
{
    unsigned before = open_files();

    run_door(client, 5000, 8);
    assert_int_equal(open_files(), before);
}

static void parts_of_files_are_answers(void **state)
{
    (void)state;
    run_file_door(file_client);
}

/* Who reads nothing holds nobody up, and goes away in the middle. */
static void slow_file_client(void)
{
    struct client slow, other;
    uint64_t begun = now_ms();
    char byte;

    dial(&slow);
    say(&slow, "GET /file?0-3145728 HTTP/1.1\r\nHost: x\r\n\r\n");
    pause_ms(100);
    dial(&other);
    ask_file(&other, 0, FILE_SIZE, "GET");
    hang_up(&other);
    CHECK(now_ms() - begun < 5000, "nobody waits for a slow reader");
    CHECK(recv(slow.fd, &byte, 1, 0) == 1);
    hang_up(&slow); /* with most of it unread */
}

static void a_slow_reader_of_a_file_holds_nobody_up(void **state)
{
    (void)state;
    run_file_door(slow_file_client);
}

/* It shrank after its length was told. */
static void short_file_client(void)
{
    struct client c;

    dial(&c);
    say(&c, "GET /file?3145628-200 HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(hear(&c).status == 0, "less than was promised is no answer");
    hang_up(&c);
}

static void a_file_that_became_shorter_ends_the_connection(void **state)
{
    (void)state;
    run_file_door(short_file_client);
}

static void plain_client(void)
{
    struct client c;
    struct answer a;

    dial(&c);
    say(&c, "GET /echo?a=1 HTTP/1.1\r\nHost: x\r\n\r\n");
    a = hear(&c);
    CHECK(a.status == 200 && strstr(a.head, "X-Path: /echo\r\n") != NULL, "%s", a.head);
    say(&c, "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
    a = hear(&c);
    CHECK(a.status == 200 && strcmp(a.body, "hello") == 0, "%s", a.body);
    say(&c, "GET /tree/a%20b/c HTTP/1.1\r\nHost: x\r\n\r\n");
    a = hear(&c);
    CHECK(a.status == 200 && strstr(a.head, "X-Path: /tree/a%20b/c\r\n") != NULL, "%s", a.head);
    say(&c, "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n");
    a = hear(&c);
    CHECK(a.status == 404 && strstr(a.body, "\"NOT_FOUND\"") != NULL);
    say(&c, "PUT /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    a = hear(&c);
    CHECK(a.status == 405 && strstr(a.head, "Allow: POST, GET\r\n") != NULL, "%s", a.head);
    say(&c, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    a = hear(&c);
    CHECK(a.status == 200 && a.body_len == 0, "all of that on one connection");
    say(&c, "HEAD /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(hear(&c).status == 200, "a route for GET answers HEAD");
    hang_up(&c);
    dial(&c);
    say(&c, "POST /later HTTP/1.0\r\nContent-Length: 3\r\n\r\nold");
    a = hear(&c);
    CHECK(a.status == 200 && strcmp(a.body, "old") == 0, "HTTP/1.0");
    CHECK(is_closed(&c));
    hang_up(&c);
}

static void requests_are_routed_and_answered_on_one_connection(void **state)
{
    (void)state;
    run_door(plain_client, 2000, 10);
    assert_int_equal(t.handled, 6);
}

static void wide_client(void)
{
    static const char *const words[] = {"a&", "&", "a=1&", "a?b=%00&"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        char text[4000] = "GET /echo?";
        struct client c;
        struct answer a;

        while (strlen(text) < 3900)
            strcat(text, words[i]);
        strcat(text, " HTTP/1.1\r\nHost: x\r\n\r\n");
        dial(&c);
        for (int k = 0; k < 2; k++) {
            say(&c, text);
            a = hear(&c);
            CHECK(a.status == 200 && strstr(a.head, "X-Path: /echo\r\n") != NULL, "%s: %s",
                  words[i], a.head);
        }
        hang_up(&c);
    }
}

/* The library below would keep a list of them, and fall silent once its memory for that is full. */
static void queries_of_a_thousand_parameters_are_answered(void **state)
{
    (void)state;
    run_door(wide_client, 2000, 10);
    assert_int_equal(t.handled, 8);
}

static void pipelining_client(void)
{
    static const char batch[] = "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none"
                                "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\ntwo"
                                "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"
                                "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nthree"
                                "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nfour";
    static const char *const bodies[] = {"one", "two", "", "three", "four"};

    size_t n = sizeof batch - 1;
    char *sent = as_sent(batch, &n);

    for (size_t cut = 0; cut <= n && t.failure[0] == '\0'; cut += 3) { /* 0: in one segment */
        struct client c;

        dial(&c);
        if (cut > 0) {
            say_n(&c, sent, cut);
            pause_ms(2); /* the rest arrives while the first is being worked on, or before */
        }
        say_n(&c, sent + cut, n - cut);
        for (size_t i = 0; i < 5; i++) {
            struct answer a = hear(&c);

            CHECK(a.status == 200 && strcmp(a.body, bodies[i]) == 0, "cut %zu, answer %zu: %u %s",
                  cut, i, a.status, a.body);
        }
        hang_up(&c);
    }
    free(sent);
}

/* Two requests with a body in one TCP segment made another library spin for ever. */
static void pipelined_requests_are_all_answered_in_order(void **state)
{
    (void)state;
    run_door(pipelining_client, 5000, 10);
}

static void half_pipelining_client(void)
{
    struct client c;

    /* the second request is complete but for its last byte when the first one is suspended */
    dial(&c);
    say(&c, "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none"
            "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\ntw");
    CHECK(strcmp(hear(&c).body, "one") == 0);
    pause_ms(20);
    say(&c, "o");
    CHECK(strcmp(hear(&c).body, "two") == 0);
    /* the whole second request arrives while the first is suspended */
    say(&c, "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none");
    pause_ms(1);
    say(&c, "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\ntwo");
    CHECK(strcmp(hear(&c).body, "one") == 0);
    CHECK(strcmp(hear(&c).body, "two") == 0);
    hang_up(&c);
}

static void a_request_behind_a_suspended_one_needs_no_further_byte(void **state)
{
    (void)state;
    run_door(half_pipelining_client, 5000, 10);
}

static void big_pipelining_client(void)
{
    enum { N = 20, SIZE = 9000 };
    static char batch[N * (SIZE + 100)];
    struct client *c = malloc(sizeof *c);
    char *sent;
    size_t n = 0;

    for (int i = 0; i < N; i++) {
        n += (size_t)sprintf(batch + n,
                             "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", SIZE);
        memset(batch + n, 'a' + i, SIZE);
        n += SIZE;
    }
    dial(c);
    sent = as_sent(batch, &n);
    CHECK(say_n(c, sent, n));
    free(sent);
    for (int i = 0; i < N; i++) {
        struct answer a = hear(c);

        CHECK(a.status == 200 && a.body_len == SIZE && a.body[0] == 'a' + i, "answer %d: %u", i,
              a.status);
    }
    hang_up(c);
    free(c);
}

static void pipelined_requests_larger_than_the_buffers_are_all_answered(void **state)
{
    (void)state;
    run_door(big_pipelining_client, 5000, 10);
    assert_int_equal(t.deferred, 20);
}

static void chunked_client(void)
{
    static const char *const good[][2] = {
        {"5\r\nhello\r\n0\r\n\r\n", "hello"},
        {"1\r\nh\r\n4;ext=1\r\nello\r\n0\r\n\r\n", "hello"},
        {"0\r\n\r\n", ""},
        {"A\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n", "0123456789"},
    };
    static const char *const bad[] = {"x\r\nhello\r\n0\r\n\r\n", "-1\r\nh\r\n0\r\n\r\n",
                                      "5\r\nhelloX\r\n0\r\n\r\n", "fffffffffffffffff\r\nh"};
    const char *head = "POST /later HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    char text[400];

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct client c;
        struct answer a;

        dial(&c);
        say(&c, head);
        for (const char *p = good[i][0]; *p != '\0'; p++) /* a byte at a time */
            say_n(&c, p, 1);
        a = hear(&c);
        CHECK(a.status == 200 && strcmp(a.body, good[i][1]) == 0, "%zu: %u %s", i, a.status,
              a.body);
        hang_up(&c);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        unsigned status;

        snprintf(text, sizeof text, "%s%s", head, bad[i]);
        status = once(text, NULL);
        CHECK(status == 400 || status == 413, "%zu: %u", i, status);
    }
}

static void chunked_bodies_are_put_together_or_refused(void **state)
{
    (void)state;
    run_door(chunked_client, 2000, 20);
    assert_int_equal(t.handled, 4);
}

static void expecting_client(void)
{
    struct client c;
    struct answer a;

    dial(&c);
    say(&c, "POST /later HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    a = hear(&c);
    CHECK(a.status == 100, "%u", a.status);
    say(&c, "hello");
    a = hear(&c);
    CHECK(a.status == 200 && strcmp(a.body, "hello") == 0, "%u", a.status);
    hang_up(&c);
    CHECK(once("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: "
               "9000000\r\n\r\n",
               NULL) == 413,
          "told before it sends the body");
}

static void expect_100_continue_is_answered(void **state)
{
    (void)state;
    run_door(expecting_client, 2000, 10);
}

/* ---- what must be refused ---- */

static void ambiguous_client(void)
{
    static const char *const rows[] = {
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: "
        "chunked\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: "
        "5\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length : 5\r\n\r\nhello",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\nhello",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5x\r\n\r\nhello",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5,5\r\n\r\nhello",
        "POST /echo HTTP/1.1\r\nHost: x\r\nHost: y\r\nContent-Length: 5\r\n\r\nhello",
        "POST /echo HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", /* no Host */
        "P@ST /echo HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET echo HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /e\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /echo HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct client c;
        struct answer a;

        dial(&c);
        say(&c, rows[i]);
        a = hear(&c);
        CHECK(a.status == 400, "row %zu: %u", i, a.status);
        while (more(&c))
            c.n = 0; /* in time, or more() complains */
        hang_up(&c);
    }
}

static void ambiguous_requests_are_answered_400_and_end_the_connection(void **state)
{
    (void)state;
    run_door(ambiguous_client, 2000, 20);
    assert_int_equal(t.handled, 0);
}

static void large_client(void)
{
    size_t size = 9 << 20;
    char *body = malloc(size), head[200];
    struct client *c = malloc(sizeof *c);
    struct answer a;

    memset(body, 'x', size);
    /* announced: told at once, and the answer is not lost though everything is sent first */
    dial(c);
    snprintf(head, sizeof head, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n",
             size);
    say(c, head);
    CHECK(say_n(c, body, size), "the door reads what is on its way");
    a = hear(c);
    CHECK(a.status == 413 && strstr(a.head, "onnection: close") != NULL, "%u %s", a.status, a.head);
    CHECK(is_closed(c));
    hang_up(c);
    /* chunked: told when it grows past the limit */
    dial(c);
    say(c, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (size_t sent = 0; sent < size; sent += 65536)
        if (!say(c, "10000\r\n") || !say_n(c, body, 65536) || !say(c, "\r\n"))
            break;
    a = hear(c);
    CHECK(a.status == 413 && strstr(a.head, "onnection: close") != NULL, "%u", a.status);
    CHECK(is_closed(c));
    hang_up(c);
    /* at the limit */
    dial(c);
    snprintf(head, sizeof head, "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n",
             BODY_MAX);
    say(c, head);
    CHECK(say_n(c, body, BODY_MAX));
    a = hear(c);
    CHECK(a.status == 200 && a.body_len == BODY_MAX, "%u %zu", a.status, a.body_len);
    hang_up(c);
    free(c);
    free(body);
}

static void bodies_over_the_limit_are_told_413(void **state)
{
    (void)state;
    run_door(large_client, 3000, 10);
    assert_int_equal(t.handled, 1);
}

static void lying_client(void)
{
    struct client c;
    struct answer a;
    uint64_t start;

    /* the body is shorter than announced, and the sender waits */
    dial(&c);
    say(&c, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nshort");
    start = now_ms();
    a = hear(&c);
    CHECK(a.status == 408, "%u", a.status);
    CHECK(now_ms() - start < 1500, "timed out");
    CHECK(is_closed(&c));
    hang_up(&c);
    /* shorter, and the sender hangs up */
    dial(&c);
    say(&c, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nshort");
    shutdown(c.fd, SHUT_WR);
    CHECK(is_closed(&c));
    hang_up(&c);
    /* longer than announced: the rest is the next request, and no good one */
    dial(&c);
    say(&c, "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello, and more\r\n\r\n");
    a = hear(&c);
    CHECK(a.status == 200 && strcmp(a.body, "hello") == 0, "%s", a.body);
    a = hear(&c);
    CHECK(a.status == 400 || a.status == 0, "%u", a.status);
    CHECK(is_closed(&c));
    hang_up(&c);
}

static void a_lying_content_length_harms_nobody_else(void **state)
{
    (void)state;
    run_door(lying_client, 300, 10);
    assert_int_equal(t.handled, 1);
}

static void slow_client(void)
{
    static const char *const starts[] = {
        "G", "GET /realtime/v1/websocket", "POST /echo HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"};
    struct client c;

    for (size_t i = 0; i < 4; i++) {
        uint64_t start = now_ms();

        if (i == 1)
            continue; /* that one is given away whole */
        dial(&c);
        say(&c, starts[i]);
        while (say(&c, "x") && now_ms() - start < 3000)
            pause_ms(100);
        CHECK(now_ms() - start < 1500, "row %zu: a byte every 100 ms kept it open", i);
        hang_up(&c);
    }
    dial(&c); /* not a byte at all */
    CHECK(is_closed(&c));
    hang_up(&c);
    dial(&c); /* not a byte after the first request */
    say(&c, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(hear(&c).status == 200);
    CHECK(is_closed(&c));
    hang_up(&c);
    dial(&c);
    say(&c, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
    CHECK(hear(&c).status == 200);
    CHECK(is_closed(&c));
    hang_up(&c);
}

static void slow_and_silent_senders_are_timed_out(void **state)
{
    (void)state;
    run_door(slow_client, 300, 10);
}

static void noisy_client(void)
{
    static const unsigned char hello[] = {0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3,
                                          3,    1, 2, 3, 4, 5, 6, 7, 8,    9};
    static char noise[100000];
    struct client *c = malloc(sizeof *c);
    struct answer a;
    char *long_head = malloc(40000);

    dial(c);
    say_n(c, (const char *)hello, sizeof hello);
    CHECK(is_closed(c), "TLS");
    hang_up(c);
    srand(7);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)(rand() % 255 + (i == 0));
    noise[0] = 'N';
    dial(c);
    say_n(c, noise, sizeof noise);
    a = hear(c);
    CHECK(a.status == 0 || a.status >= 400, "noise: %u", a.status);
    hang_up(c);
    memset(long_head, 'a', 40000);
    memcpy(long_head, "GET /echo HTTP/1.1\r\nHost: x\r\nX-Long: ", 37);
    strcpy(long_head + 30000, "\r\n\r\n");
    CHECK(once(long_head, NULL) == 431, "a header too large");
    memset(long_head, 'a', 40000);
    memcpy(long_head, "GET /", 5);
    strcpy(long_head + 30000, " HTTP/1.1\r\n\r\n");
    CHECK(once(long_head, NULL) == 414, "a target too long");
    memset(long_head, 'a', 40000);
    memcpy(long_head, "GET /echo HTTP/1.1\r\nHost: x\r\nAuthorization: ", 44);
    strcpy(long_head + 3500, "\r\n\r\n");
    CHECK(once(long_head, NULL) == 200, "a long token fits");
    CHECK(once("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n", NULL) == 200,
          "and everybody else is served");
    free(long_head);
    free(c);
}

static void noise_is_refused_and_others_are_served(void **state)
{
    (void)state;
    run_door(noisy_client, 500, 10);
}

/* ---- two libraries behind one port ---- */

static void websocket_client(void)
{
    static const char request[] =
        "GET /realtime/v1/websocket?vsn=1.0.0 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n";
    struct client c;
    struct answer a;

    dial(&c);
    say(&c, request);
    CHECK(more(&c) && strcmp(c.in, "GIVEN") == 0, "given away");
    hang_up(&c);
    dial(&c); /* in small pieces: the door waits until it is sure */
    for (size_t i = 0; i < 26; i++) {
        say_n(&c, request + i, 1);
        if (i % 8 == 0)
            pause_ms(3);
    }
    CHECK(more(&c) && strcmp(c.in, "GIVEN") == 0, "given away in pieces");
    hang_up(&c);
    dial(&c); /* starts like it, then turns out to be something else */
    say(&c, "GET /rea");
    pause_ms(5);
    say(&c, "lly HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(hear(&c).status == 404);
    say(&c, request);
    a = hear(&c);
    CHECK(a.status == 421 && strstr(a.head, "onnection: close") != NULL,
          "%u on a reused connection", a.status);
    CHECK(is_closed(&c));
    hang_up(&c);
    dial(&c); /* hangs up inside the prefix */
    say(&c, "GET /realt");
    shutdown(c.fd, SHUT_WR);
    CHECK(is_closed(&c));
    hang_up(&c);
}

static void websockets_are_given_away_unread_and_421_on_reuse(void **state)
{
    (void)state;
    run_door(websocket_client, 2000, 10);
    assert_int_equal(t.given, 2);
}

/* ---- many, and gone ---- */

static void crowd_client(void)
{
    struct rlimit files;
    size_t n = 2000;
    struct client *c = calloc(n, sizeof *c);

    getrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < 2 * n + 100)
        n = (files.rlim_cur - 100) / 2;
    for (size_t i = 0; i < n; i++)
        dial(&c[i]);
    for (size_t i = 0; i < n; i++)
        say(&c[i], i % 2 == 0 ? "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"
                              : "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    for (size_t i = 0; i < n; i++)
        CHECK(hear(&c[i]).status == 200, "connection %zu", i);
    for (size_t i = 0; i < n; i++)
        hang_up(&c[i]);
    free(c);
}

static void two_thousand_connections_are_served(void **state)
{
    (void)state;
    run_door(crowd_client, 10000, 4000);
}

static void queueing_client(void)
{
    struct client c[12];

    for (size_t i = 0; i < 12; i++) { /* more than the door takes: the others wait in the backlog */
        dial(&c[i]);
        say(&c[i], "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    for (size_t i = 0; i < 12; i++) {
        CHECK(hear(&c[i]).status == 200, "connection %zu", i);
        hang_up(&c[i]);
    }
}

static void past_the_limit_connections_wait_for_room(void **state)
{
    (void)state;
    run_door(queueing_client, 3000, 4);
}

static void starved_client(void)
{
    struct rlimit files, few;
    struct timespec before, later;
    struct client c;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)t.port)};

    CHECK(once("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n", NULL) == 200);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c.n = 0;
    c.fd = socket(AF_INET, SOCK_STREAM, 0);
    getrlimit(RLIMIT_NOFILE, &files);
    few = (struct rlimit){3, files.rlim_max};
    setrlimit(RLIMIT_NOFILE, &few);
    CHECK(connect(c.fd, (struct sockaddr *)&to, sizeof to) == 0);
    say(&c, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    pause_ms(400);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &later);
    CHECK((later.tv_sec - before.tv_sec) * 1000 + (later.tv_nsec - before.tv_nsec) / 1000000 < 100,
          "it spins");
    CHECK(t.handled == 1, "not accepted yet");
    setrlimit(RLIMIT_NOFILE, &files);
    CHECK(hear(&c).status == 200, "accepted once there are descriptors again");
    hang_up(&c);
}

static void out_of_descriptors_the_door_pauses_and_comes_back(void **state)
{
    (void)state;
    run_door(starved_client, 5000, 10);
}

static void leaving_client(void)
{
    for (int i = 0; i < 200; i++) {
        struct client c;

        dial(&c);
        say(&c, "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\ngone");
        if (i % 2 == 0)
            pause_ms(1);
        if (i % 3 == 0) { /* a reset */
            struct linger now = {1, 0};

            setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        }
        hang_up(&c);
    }
    pause_ms(50);
    CHECK(once("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n", NULL) == 200);
}

static void clients_that_leave_while_suspended_are_cleaned_up_once(void **state)
{
    (void)state;
    run_door(leaving_client, 2000, 300);
    assert_int_equal(t.handled, t.answered); /* each was answered exactly once, into nothing */
}

static void memory_client(void)
{
    enum { N = 40 };
    static struct client c[N];
    char *body = malloc(BODY_MAX);
    unsigned refused = 0, served = 0;

    memset(body, 'x', BODY_MAX);
    for (int i = 0; i < N; i++) { /* 40 * 8 MiB, all but the last byte: more than the door holds */
        dial(&c[i]);
        say(&c[i], "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 8388608\r\n\r\n");
        say_n(&c[i], body, BODY_MAX - 1);
    }
    for (int i = 0; i < N; i++) {
        struct answer a;

        say(&c[i], "x");
        a = hear(&c[i]);
        if (a.status == 503 && strstr(a.head, "Retry-After: ") != NULL)
            refused++;
        else if (a.status == 200)
            served++;
        else
            CHECK(false, "connection %d: %u", i, a.status);
        hang_up(&c[i]);
    }
    CHECK(served >= 10 && refused >= 10, "%u served, %u refused", served, refused);
    free(body);
}

static void bodies_in_flight_are_bounded_together(void **state)
{
    (void)state;
    run_door(memory_client, 20000, 100);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* The lines of an answer's head but for the time, in alphabetical order. */
static void sort_head(char *out, const char *head)
{
    char lines[24][256], copy[2048], *save = NULL;
    size_t n = 0;

    snprintf(copy, sizeof copy, "%s", head);
    for (char *line = strtok_r(copy, "\r\n", &save); line != NULL && n < 24;
         line = strtok_r(NULL, "\r\n", &save))
        snprintf(lines[n++], sizeof lines[0], "%.*s", strncmp(line, "Date: ", 6) == 0 ? 6 : 255,
                 line);
    qsort(lines, n, sizeof lines[0], by_text);
    for (size_t i = 0; i < n; i++)
        out += sprintf(out, "%s\n", lines[i]);
}

static void comparing_client(void)
{
    static const char *const targets[] = {"/echo?a=b", "/nothing", "/later", "/done", "/echo"};
    char text[200], heads[2][4096];

    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        for (int way = 0; way < 2; way++) {
            struct answer a;
            struct client c;

            through_mhd = way == 1;
            snprintf(text, sizeof text,
                     "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", targets[i],
                     i == 4 ? 0 : 3, i == 4 ? "" : "abc");
            dial(&c);
            say(&c, text);
            a = hear(&c);
            hang_up(&c);
            sort_head(heads[way], a.head);
        }
        CHECK(strcmp(heads[0], heads[1]) == 0, "%s: %s| %s", targets[i], heads[0], heads[1]);
        CHECK(strstr(heads[0], "Date: ") != NULL &&
                  (i == 1 || strstr(heads[0], "X-Peer: 127.0.0.1")),
              "%s", heads[0]);
    }
    through_mhd = false;
}

static void plain_requests_get_the_answers_that_others_get(void **state)
{
    (void)state;
    run_door(comparing_client, 5000, 10);
}

static void patient_client(void)
{
    struct client *c = malloc(sizeof *c);
    const char *ask = "POST /large HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx";

    dial(c);
    say(c, ask);
    say(c, ask); /* waits until the first is answered */
    for (int i = 0; i < 2; i++) {
        struct answer a;

        pause_ms(20);
        a = hear(c);
        CHECK(a.status == 200 && a.body_len == LARGE_SIZE, "%d: %u %zu", i, a.status, a.body_len);
        for (size_t k = 0; k < sizeof a.body - 1; k++)
            CHECK((unsigned char)a.body[k] == (unsigned char)(k / 7), "%d at %zu", i, k);
    }
    say(c, ask);
    hang_up(c); /* in the middle of an answer */
    free(c);
}

static void answers_larger_than_the_socket_takes_arrive_whole(void **state)
{
    (void)state;
    run_door(patient_client, 5000, 10);
}

static void idling_client(void)
{
    struct client c[3];

    for (int i = 0; i < 3; i++) { /* the third finds no place until an idle one is closed */
        dial(&c[i]);
        say(&c[i], "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
        CHECK(hear(&c[i]).status == 200, "connection %d", i);
    }
    for (int i = 0; i < 3; i++)
        hang_up(&c[i]);
}

static void idle_connections_make_room_for_new_ones(void **state)
{
    (void)state;
    run_door(idling_client, 4000, 2);
}

/* ---- opening and closing ---- */

static void holding_client(void)
{
    struct client c;

    dial(&c);
    say(&c, "POST /never HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nheld");
    pause_ms(50);
    t.grace_ms = 100;
    /* the socket stays open on purpose: the door has to end it */
}

static void a_role_that_never_answers_cannot_hold_the_door_open(void **state)
{
    (void)state;
    run_door(holding_client, 2000, 10);
    assert_int_equal(t.handled, 1);
}

static struct client drained[3];
static pthread_t drain_thread;

static void *drain_talk(void *arg)
{
    struct answer a;

    (void)arg;
    /* [0] is suspended when the door closes, [1] sends its next request only then, [2] is idle */
    a = hear(&drained[0]);
    CHECK(a.status == 200 && strcmp(a.body, "late") == 0, "a running request is finished: %u",
          a.status);
    pause_ms(60);
    say(&drained[1], "POST /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    a = hear(&drained[1]);
    CHECK(a.status == 200 && strstr(a.head, "onnection: close") != NULL,
          "a connection in use is told: %u", a.status);
    CHECK(is_closed(&drained[2]), "an idle one is closed");
    return NULL;
}

static void draining_client(void)
{
    for (int i = 0; i < 3; i++) {
        dial(&drained[i]);
        say(&drained[i], "POST /echo HTTP/1.1\r\nHost: x\r\n\r\n");
        CHECK(hear(&drained[i]).status == 200);
    }
    say(&drained[0], "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nlate");
    pause_ms(2);
    pthread_create(&drain_thread, NULL, drain_talk, NULL);
}

static void closing_finishes_what_runs_and_tells_the_others(void **state)
{
    (void)state;
    run_door(draining_client, 5000, 10);
    pthread_join(drain_thread, NULL);
    for (int i = 0; i < 3; i++)
        hang_up(&drained[i]);
    if (t.failure[0] != '\0')
        fail_msg("%s", t.failure);
}

static void a_taken_port_is_one_line(void **state)
{
    struct door_options options = {.address = "127.0.0.1:0",
                                   .connections_max = 10,
                                   .idle_timeout_ms = 1000,
                                   .exclusive = true};
    char error[200] = "", address[80];
    struct door *first;
    uv_loop_t loop;

    (void)state;
    uv_loop_init(&loop);
    first = door_open(&loop, &options, error, sizeof error);
    assert_non_null(first);
    snprintf(address, sizeof address, "%s", door_address(first));
    options.address = address;
    options.flag = "--admin-listen";
    assert_null(door_open(&loop, &options, error, sizeof error));
    assert_non_null(strstr(error, "is taken: choose another with --admin-listen"));
    assert_null(strchr(error, '\n'));
    options.address = "no.such.host.invalid:80";
    assert_null(door_open(&loop, &options, error, sizeof error));
    options.address = "nonsense";
    assert_null(door_open(&loop, &options, error, sizeof error));
    assert_non_null(strstr(error, "nonsense"));
    door_close(first, 100, on_door_closed, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void processes_may_share_a_port(void **state)
{
    struct door_options options = {
        .address = "127.0.0.1:0", .connections_max = 10, .idle_timeout_ms = 1000};
    char error[200], address[80];
    struct door *first, *second;
    uv_loop_t loop;

    (void)state;
    uv_loop_init(&loop);
    first = door_open(&loop, &options, error, sizeof error);
    snprintf(address, sizeof address, "%s", door_address(first));
    options.address = address;
    second = door_open(&loop, &options, error, sizeof error);
    assert_non_null(second);
    assert_string_equal(door_address(second), address);
    door_close(first, 100, on_door_closed, NULL);
    door_close(second, 100, on_door_closed, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_routed_and_answered_on_one_connection),
        cmocka_unit_test(queries_of_a_thousand_parameters_are_answered),
        cmocka_unit_test(pipelined_requests_are_all_answered_in_order),
        cmocka_unit_test(a_request_behind_a_suspended_one_needs_no_further_byte),
        cmocka_unit_test(pipelined_requests_larger_than_the_buffers_are_all_answered),
        cmocka_unit_test(chunked_bodies_are_put_together_or_refused),
        cmocka_unit_test(expect_100_continue_is_answered),
        cmocka_unit_test(ambiguous_requests_are_answered_400_and_end_the_connection),
        cmocka_unit_test(bodies_over_the_limit_are_told_413),
        cmocka_unit_test(a_lying_content_length_harms_nobody_else),
        cmocka_unit_test(slow_and_silent_senders_are_timed_out),
        cmocka_unit_test(noise_is_refused_and_others_are_served),
        cmocka_unit_test(websockets_are_given_away_unread_and_421_on_reuse),
        cmocka_unit_test(two_thousand_connections_are_served),
        cmocka_unit_test(past_the_limit_connections_wait_for_room),
        cmocka_unit_test(out_of_descriptors_the_door_pauses_and_comes_back),
        cmocka_unit_test(clients_that_leave_while_suspended_are_cleaned_up_once),
        cmocka_unit_test(bodies_in_flight_are_bounded_together),
        cmocka_unit_test(plain_requests_get_the_answers_that_others_get),
        cmocka_unit_test(answers_larger_than_the_socket_takes_arrive_whole),
        cmocka_unit_test(idle_connections_make_room_for_new_ones),
        cmocka_unit_test(a_role_that_never_answers_cannot_hold_the_door_open),
        cmocka_unit_test(parts_of_files_are_answers),
        cmocka_unit_test(a_slow_reader_of_a_file_holds_nobody_up),
        cmocka_unit_test(a_file_that_became_shorter_ends_the_connection),
        cmocka_unit_test(closing_finishes_what_runs_and_tells_the_others),
        cmocka_unit_test(a_taken_port_is_one_line),
        cmocka_unit_test(processes_may_share_a_port),
    };
    const struct CMUnitTest again[] = {
        cmocka_unit_test(pipelined_requests_are_all_answered_in_order),
        cmocka_unit_test(a_request_behind_a_suspended_one_needs_no_further_byte),
        cmocka_unit_test(pipelined_requests_larger_than_the_buffers_are_all_answered),
        cmocka_unit_test(a_lying_content_length_harms_nobody_else),
        cmocka_unit_test(clients_that_leave_while_suspended_are_cleaned_up_once),
        cmocka_unit_test(a_role_that_never_answers_cannot_hold_the_door_open),
        cmocka_unit_test(closing_finishes_what_runs_and_tells_the_others),
    };
    struct rlimit files;
    int failed;

    signal(SIGPIPE, SIG_IGN);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    through_mhd = true;
    return failed + cmocka_run_group_tests_name("through libmicrohttpd", again, NULL, NULL);
}
