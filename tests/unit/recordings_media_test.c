/* What bytes say about a recording. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recordings/media.h"

static uint8_t head[4096];
static struct media media;

static size_t put_le(size_t at, uint32_t n)
{
    for (unsigned i = 0; i < 4; i++)
        head[at + i] = (uint8_t)(n >> 8 * i);
    return at + 4;
}

/* A WAV header with a LIST chunk of `list` bytes in front of the data; its length. */
static size_t put_wav(uint32_t per_second, uint32_t list, uint32_t data)
{
    size_t at = 12;

    memset(head, 0, sizeof head);
    memcpy(head, "RIFF\xff\xff\xff\xffWAVE", 12);
    memcpy(head + at, "fmt ", 4);
    at = put_le(at + 4, 16);
    put_le(at + 8, per_second);
    at += 16;
    memcpy(head + at, "LIST", 4);
    at = put_le(at + 4, list) + list + (list & 1);
    memcpy(head + at, "data", 4);
    return put_le(at + 4, data);
}

static void a_wav_tells_its_duration(void **state)
{
    size_t n;

    (void)state;
    n = put_wav(16000, 7, 16000 * 90);
    assert_true(media_of(head, n, (int64_t)n + 16000 * 90, NULL, NULL, &media));
    assert_string_equal(media.extension, "wav");
    assert_string_equal(media.content_type, "audio/wav");
    assert_int_equal(media.duration_seconds, 90);
    /* Written while talking: the length is unknown or absurd. */
    n = put_wav(16000, 0, 0xffffffff);
    assert_true(media_of(head, n, (int64_t)n + 16000 * 4 + 9000, NULL, NULL, &media));
    assert_int_equal(media.duration_seconds, 5);
    n = put_wav(16000, 0, 0);
    assert_true(media_of(head, n, (int64_t)n + 100, NULL, NULL, &media));
    assert_int_equal(media.duration_seconds, 1);
    n = put_wav(0, 0, 100);
    assert_true(media_of(head, n, (int64_t)n + 100, NULL, NULL, &media));
    assert_int_equal(media.duration_seconds, -1);
}

/* Every length of the head, each in a room of exactly that size, and chunks that claim to be longer. */
static void no_header_is_read_beyond_its_end(void **state)
{
    size_t n = put_wav(16000, 8, 16000);

    (void)state;
    for (uint32_t claim = 8; claim != 0; claim = claim < 1u << 31 ? claim * 2 : 0) {
        put_le(40, claim); /* of LIST */
        for (size_t i = 1; i <= n; i++) {
            uint8_t *exact = malloc(i);
            memcpy(exact, head, i);
            assert_true(media_of(exact, i, 100000, NULL, NULL, &media));
            free(exact);
        }
    }
    assert_int_equal(media.duration_seconds, -1);
}

static void an_mp3_tells_its_duration_when_it_carries_the_number_of_frames(void **state)
{
    (void)state;
    memset(head, 0, sizeof head);
    memcpy(head, "ID3\x04\0\0\0\0\x02\x01", 10);               /* 257 bytes of tag */
    memcpy(head + 267, "\xff\xfb\x90\x00", 4);                 /* MPEG 1, 44100 Hz, stereo */
    memcpy(head + 267 + 36, "Xing\0\0\0\x01\0\0\x03\xe8", 12); /* 1000 frames */
    assert_true(media_of(head, 1000, 100000, "binary/octet-stream", "/x", &media));
    assert_string_equal(media.extension, "mp3");
    assert_int_equal(media.duration_seconds, 26); /* 1000 * 1152 / 44100 */
    memset(head + 267 + 36, 0, 12);
    assert_true(media_of(head, 1000, 100000, NULL, NULL, &media));
    assert_int_equal(media.duration_seconds, -1);
    assert_true(media_of(head + 267, 4, 100000, NULL, NULL, &media));
    assert_string_equal(media.extension, "mp3");
}

static const struct {
    const char *bytes, *type, *path, *extension; /* NULL: no recording */
} cases[] = {
    {"OggS", "audio/wav", "/a.mp3", "ogg"},
    {"fLaC", NULL, NULL, "flac"},
    {"\1\1\1\1ftypM4A ", "text/html", NULL, "m4a"},
    {"\x1a\x45\xdf\xa3", NULL, NULL, "webm"},
    {"RIFF\1\1\1\1AVI ", NULL, NULL, "bin"},
    {"unknown", "audio/mpeg", "/a.wav", "mp3"},
    {"unknown", "Audio/X-WAV; rate=8000", NULL, "wav"},
    {"unknown", "application/octet-stream", "/a/b.OGG?x=.mp3", "ogg"},
    {"unknown", NULL, "/wav", "bin"},
    {"unknown", "audio/x-unheard-of", NULL, "bin"},
    {"<html>", "text/html; charset=utf-8", "/a.wav", NULL},
    {"{\"error\":1}", "application/json", "/a.wav", NULL},
    {"<Error>", "application/xml", NULL, NULL},
};

static void bytes_count_before_the_type_and_the_type_before_the_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool ok = media_of((const uint8_t *)cases[i].bytes, strlen(cases[i].bytes), 1000,
                           cases[i].type, cases[i].path, &media);
        assert_int_equal(ok, cases[i].extension != NULL);
        if (ok)
            assert_string_equal(media.extension, cases[i].extension);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wav_tells_its_duration),
        cmocka_unit_test(no_header_is_read_beyond_its_end),
        cmocka_unit_test(an_mp3_tells_its_duration_when_it_carries_the_number_of_frames),
        cmocka_unit_test(bytes_count_before_the_type_and_the_type_before_the_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
