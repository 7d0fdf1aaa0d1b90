/* The spool: everything arrives, in order, however the source and the disk take turns. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/hmac.h"
#include "recordings/spool.h"

enum { PIECE = 16 * 1024, PIECES = 200 };

static uv_loop_t loop;
static struct spool *spool;
static uint8_t *content;
static unsigned put, refusals, finishes;
static bool closed, ended_well;

static void feed(void *ctx)
{
    (void)ctx;
    if (spool_error(spool) != NULL)
        return;
    while (put < PIECES) {
        if (!spool_put(spool, content + (size_t)put * PIECE, PIECE)) {
            refusals++;
            return;
        }
        put++;
    }
    spool_finish(spool);
}

static void on_finished(void *ctx, bool ok)
{
    (void)ctx;
    finishes++;
    ended_well = ok;
}

static void on_closed(void *ctx)
{
    (void)ctx;
    closed = true;
}

static void open_spool(const char *path)
{
    struct spool_options options = {.path = path, .on_room = feed, .on_finished = on_finished};

    put = refusals = finishes = 0;
    closed = ended_well = false;
    uv_loop_init(&loop);
    spool = spool_open(&loop, &options);
}

static void close_spool(void)
{
    spool_close(spool, on_closed, NULL);
    assert_false(closed); /* later */
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(closed);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void a_fast_source_waits_and_nothing_is_lost(void **state)
{
    uint8_t *back = malloc((size_t)PIECES * PIECE), hash[SHA256_SIZE];
    char hex[65], wanted[65];
    size_t n;
    bool ok;

    (void)state;
    open_spool(NULL);
    assert_non_null(spool);
    assert_null(spool_path(spool));
    feed(NULL);
    assert_true(refusals > 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(finishes, 1);
    assert_true(ended_well);
    assert_int_equal(spool_size(spool), PIECES * PIECE);
    assert_int_equal(pread(spool_fd(spool), back, (size_t)PIECES * PIECE, 0), PIECES * PIECE);
    assert_memory_equal(back, content, (size_t)PIECES * PIECE);
    assert_memory_equal(spool_head(spool, &n), content, MEDIA_HEAD_MAX);
    assert_int_equal(n, MEDIA_HEAD_MAX);
    sha256(hash, content, (size_t)PIECES * PIECE, &ok);
    hex_encode(wanted, hash, sizeof hash);
    assert_true(spool_sha256(spool, hex));
    assert_string_equal(hex, wanted);
    close_spool();
    free(back);
}

static void an_empty_stream_ends_too(void **state)
{
    (void)state;
    open_spool(NULL);
    spool_finish(spool);
    assert_int_equal(finishes, 0); /* later */
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(finishes, 1);
    assert_true(ended_well);
    close_spool();
}

static void closing_in_the_middle_leaves_no_file(void **state)
{
    char path[64];

    (void)state;
    snprintf(path, sizeof path, "/tmp/ringback-spool-test.%d", (int)getpid());
    open_spool(path);
    assert_non_null(spool);
    assert_string_equal(spool_path(spool), path);
    feed(NULL);
    assert_int_equal(access(path, F_OK), 0);
    close_spool();
    assert_int_equal(finishes, 0);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void a_full_disk_is_told(void **state)
{
    int full = open("/dev/full", O_RDWR);

    (void)state;
    open_spool("/dev/full");
    assert_null(spool); /* only new files are opened */
    assert_int_equal(uv_loop_close(&loop), 0);
    open_spool(NULL);
    assert_int_equal(dup2(full, spool_fd(spool)), spool_fd(spool));
    while (spool_put(spool, content, PIECE))
        put++;
    assert_null(spool_error(spool)); /* no room, for now */
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_non_null(spool_error(spool));
    assert_false(spool_put(spool, content, PIECE));
    close_spool();
    close(full);
}

static int make_content(void **state)
{
    (void)state;
    content = malloc((size_t)PIECES * PIECE);
    for (size_t i = 0; i < (size_t)PIECES * PIECE; i++)
        content[i] = (uint8_t)(i * 2654435761u >> 13);
    return 0;
}

static int free_content(void **state)
{
    (void)state;
    free(content);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fast_source_waits_and_nothing_is_lost),
        cmocka_unit_test(an_empty_stream_ends_too),
        cmocka_unit_test(closing_in_the_middle_leaves_no_file),
        cmocka_unit_test(a_full_disk_is_told),
    };

    return cmocka_run_group_tests(tests, make_content, free_content);
}
