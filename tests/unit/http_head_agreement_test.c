/* Two readers of one port must not disagree about a request: whatever workers/runtime/http_head.c
 * takes for plain, libmicrohttpd reads the same way, to the byte. Heads of real senders and of
 * smugglers, each also with every byte replaced, put in twice and left out, and with lines and
 * pieces of lines in places where nobody expects them. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <microhttpd.h>

#include "runtime/http_head.h"

enum { TURNS = 12, BODY_ROOM = 4096 };

static const char *const seeds[] = {
    /* as senders write them */
    "POST /webhooks/shopify?a=b HTTP/1.1\r\nHost: bench\r\nUser-Agent: Shopify-Captain-Hook\r\n"
    "Accept: */*\r\nContent-Type: application/json\r\nContent-Length: 5\r\n"
    "X-Shopify-Topic: orders/create\r\n\r\nhello",
    "POST /e HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
    "POST /e HTTP/1.1\r\nX-Empty:\r\nHost:x\r\nX-Wide: \t a b \t\r\nx-wide: c\r\n\r\n",
    /* as smugglers do */
    "POST /e HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "POST /e HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    "0\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
    "POST /e HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\nContent-Length: "
    "5\r\n\r\n0\r\n\r\n",
    "POST /e HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\tchunked\r\nContent-Length: "
    "5\r\n\r\n0\r\n\r\n",
    "POST /e HTTP/1.1\r\nHost: x\r\nX: y\r\n Content-Length: 3\r\nContent-Length: 5\r\n\r\nhello",
    "POST /e HTTP/1.1\r\nHost: x\r\nX: y\rContent-Length: 3\r\nContent-Length: 5\r\n\r\nhello",
    "POST /e HTTP/1.1\r\nHost: x\r\nX: y\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nhello",
    "POST /e HTTP/1.1\r\nHost: x\r\nContent-Length: 05\r\nContent-Length : 3\r\n\r\nhello",
    "POST /e HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello",
    "POST /e HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\nhello",
    "POST /e HTTP/1.1\r\nHost: x\r\nHost: y\r\nContent-Length: 5\r\n\r\nhello",
    "POST /e?q#f HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloPOST /e HTTP/1.1\r\n\r\n",
};

static const char bytes[] = {'\0', '\t', '\n', '\r', ' ', '"',  '#',       ',',
                             ':',  ';',  '?',  '0',  'z', 0x7f, (char)0x80};

/* What libmicrohttpd read. */
static struct {
    bool called, complete, agrees;
    char target[HTTP_HEAD_MAX];
    const struct http_head *head;
    const char *text; /* the head as http_head_read() left it */
    unsigned n_fields;
    char body[BODY_ROOM];
    size_t body_len;
} seen;

static void *on_target(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    (void)cls;
    (void)mhd;
    if (!seen.called) /* the next request is not ours */
        snprintf(seen.target, sizeof seen.target, "%s", uri);
    return NULL;
}

static enum MHD_Result on_field(void *cls, enum MHD_ValueKind kind, const char *name,
                                size_t name_len, const char *value, size_t value_len)
{
    const struct http_field *f = &seen.head->fields[seen.n_fields];

    (void)cls;
    (void)kind;
    if (seen.n_fields++ >= seen.head->n || f->name_len != name_len ||
        memcmp(seen.text + f->name, name, name_len) != 0 ||
        strlen(seen.text + f->value) != value_len ||
        (value_len > 0 && memcmp(seen.text + f->value, value, value_len) != 0))
        seen.agrees = false;
    return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **context)
{
    struct MHD_Response *nothing;
    static int first;

    (void)cls;
    (void)url;
    if (seen.complete)
        return MHD_NO; /* the next one */
    if (*context == NULL) {
        *context = &first;
        seen.called = true;
        seen.agrees = strcmp(method, "POST") == 0 && strcmp(version, "HTTP/1.1") == 0 &&
                      strcmp(seen.target, seen.head->target) == 0;
        MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, on_field, NULL);
        seen.agrees = seen.agrees && seen.n_fields == seen.head->n;
        return MHD_YES;
    }
    if (*size > 0) {
        assert_true(seen.body_len + *size <= sizeof seen.body);
        memcpy(seen.body + seen.body_len, data, *size);
        seen.body_len += *size;
        *size = 0;
        return MHD_YES;
    }
    seen.complete = true;
    nothing = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    MHD_queue_response(mhd, 200, nothing);
    MHD_destroy_response(nothing);
    return MHD_YES;
}

static size_t keep_encoded(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls;
    (void)mhd;
    return strlen(text);
}

static struct MHD_Daemon *mhd;
static unsigned n_plain, n_other;

/* Sends what the head and its body are, and a little of the next request, to libmicrohttpd. */
static void show(const char *sent, size_t n)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    fcntl(pair[1], F_SETFL, O_NONBLOCK);
    assert_int_equal(send(pair[0], sent, n, MSG_NOSIGNAL), n);
    shutdown(pair[0], SHUT_WR);
    assert_int_equal(MHD_add_connection(mhd, pair[1], (struct sockaddr *)&from, sizeof from),
                     MHD_YES);
    for (int i = 0; i < TURNS && !seen.complete; i++)
        MHD_run(mhd);
    close(pair[0]);
    for (int i = 0; i < 3; i++)
        MHD_run(mhd); /* it closes its end */
}

static void compare(const char *sent, size_t n)
{
    static char text[HTTP_HEAD_MAX];
    struct http_head h;

    memcpy(text, sent, n);
    if (!http_head_read(&h, "POST", text, n) || h.len + h.length > n) {
        n_other++;
        return;
    }
    n_plain++;
    memset(&seen, 0, sizeof seen);
    seen.head = &h;
    seen.text = text;
    show(sent, n);
    if (!seen.called || !seen.complete || !seen.agrees || seen.body_len != h.length ||
        memcmp(seen.body, sent + h.len, seen.body_len) != 0)
        fail_msg("called %d, complete %d, agrees %d, body %zu of %zu, target %s: %s", seen.called,
                 seen.complete, seen.agrees, seen.body_len, (size_t)h.length, seen.target, sent);
}

static void compare_changed(const char *seed)
{
    size_t n = strlen(seed);
    char *changed = calloc(1, n + 2);

    compare(seed, n);
    for (size_t at = 0; at < n; at++) {
        for (size_t b = 0; b < sizeof bytes; b++) {
            memcpy(changed, seed, n);
            changed[at] = bytes[b];
            compare(changed, n);
            memcpy(changed + at + 1, seed + at, n - at); /* in front of it */
            compare(changed, n + 1);
        }
        memcpy(changed, seed, at);
        memcpy(changed + at, seed + at + 1, n - at);
        compare(changed, n - 1);
        memcpy(changed, seed, at + 1);
        memcpy(changed + at + 1, seed + at, n - at);
        compare(changed, n + 1);
    }
    free(changed);
}

static uint32_t chance(uint32_t below)
{
    static uint32_t x = 2463534242;

    x ^= x << 13; /* xorshift: the same vectors in every run */
    x ^= x >> 17;
    x ^= x << 5;
    return x % below;
}

static void compare_spliced(void)
{
    static const char *const pieces[] = {
        "\r\n",
        "\r",
        "\n",
        "\r\n\r\n",
        " ",
        "\t",
        ":",
        ": ",
        ", ",
        " HTTP/1.1",
        "HTTP/1.0",
        "POST / HTTP/1.1\r\n",
        "Content-Length: 3\r\n",
        "content-length:5\r\n",
        "Content-Length",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding:",
        "Connection: close\r\n",
        "Connection: keep-alive\r\n",
        "Expect: 100-continue\r\n",
        "Host: y\r\n",
        "X: y\r\n",
        "X:\r\n",
        "\"",
        "%00",
        "?",
        "#",
        "//",
        "http://x",
        "5",
        "0",
        ";",
        "=",
        "Cookie: a=b; c\r\n",
    };
    enum { VECTORS = 30000, EDITS_MAX = 3 };
    char text[HTTP_HEAD_MAX];

    for (unsigned i = 0; i < VECTORS; i++) {
        const char *seed = seeds[chance(sizeof seeds / sizeof seeds[0])];
        size_t n = strlen(seed);

        memcpy(text, seed, n);
        for (unsigned edits = 1 + chance(EDITS_MAX); edits > 0; edits--) {
            const char *piece = pieces[chance(sizeof pieces / sizeof pieces[0])];
            size_t at = chance((uint32_t)n + 1), len = strlen(piece);

            if (chance(2) == 0) { /* where a line begins */
                while (at < n && at > 0 && text[at - 1] != '\n')
                    at++;
            }
            memmove(text + at + len, text + at, n - at);
            memcpy(text + at, piece, len);
            n += len;
        }
        compare(text, n);
    }
}

static void a_plain_head_means_the_same_to_libmicrohttpd(void **state)
{
    (void)state;
    mhd = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL, on_request,
                           NULL, MHD_OPTION_URI_LOG_CALLBACK, on_target, NULL,
                           MHD_OPTION_UNESCAPE_CALLBACK, keep_encoded, NULL, MHD_OPTION_END);
    assert_non_null(mhd);
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++)
        compare_changed(seeds[i]);
    compare_spliced();
    MHD_stop_daemon(mhd);
    print_message("%u read alike, %u not plain\n", n_plain, n_other);
    assert_true(n_plain > 2000); /* else nothing much was compared */
    assert_true(n_other > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_head_means_the_same_to_libmicrohttpd),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
