#include "recordings/media.h"

#include <string.h>
#include <strings.h>

static const struct form {
    const char *extension, *content_type;
    const char *aliases[3]; /* other names of the type */
    struct {
        size_t at;
        const char *bytes;
    } marks[2]; /* all that are given must be there */
} forms[] = {
    {"wav",
     "audio/wav",
     {"audio/x-wav", "audio/wave", "audio/vnd.wave"},
     {{0, "RIFF"}, {8, "WAVE"}}},
    {"mp3", "audio/mpeg", {"audio/mp3", "audio/mpeg3"}, {{0, "ID3"}}},
    {"ogg", "audio/ogg", {"audio/opus", "application/ogg"}, {{0, "OggS"}}},
    {"flac", "audio/flac", {"audio/x-flac"}, {{0, "fLaC"}}},
    {"m4a", "audio/mp4", {"audio/x-m4a", "audio/m4a", "video/mp4"}, {{4, "ftyp"}}},
    {"webm", "audio/webm", {"video/webm"}, {{0, "\x1a\x45\xdf\xa3"}}},
    {"aac", "audio/aac", {"audio/x-aac"}, {{0, NULL}}},
};

enum { N_FORMS = sizeof forms / sizeof forms[0], WAV = 0, MP3 = 1 };

static const struct form anything = {.extension = "bin",
                                     .content_type = "application/octet-stream"};

static uint32_t u32_le(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t u32_be(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

static int32_t rounded(uint64_t units, uint64_t per_second)
{
    uint64_t seconds = (units + per_second / 2) / per_second;

    if (seconds > INT32_MAX)
        return -1;
    return seconds == 0 && units > 0 ? 1 : (int32_t)seconds;
}

/* RIFF chunks: "fmt " tells bytes per second, "data" how many there are; who writes while talking does
 * not know that and says 0 or too much. */
static int32_t wav_seconds(const uint8_t *head, size_t n, int64_t size)
{
    uint32_t per_second = 0;

    for (size_t at = 12; at + 8 <= n;) {
        uint32_t length = u32_le(head + at + 4);
        if (memcmp(head + at, "fmt ", 4) == 0 && length >= 16 && at + 24 <= n)
            per_second = u32_le(head + at + 16);
        if (memcmp(head + at, "data", 4) == 0) {
            uint64_t there = (uint64_t)size - at - 8;
            uint64_t bytes = length == 0 || length > there ? there : length;
            return per_second == 0 ? -1 : rounded(bytes, per_second);
        }
        at += 8 + (size_t)length + (length & 1);
    }
    return -1;
}

/* Is a frame header of MPEG audio layer III; `rate` and `samples` of a frame. */
static bool mp3_frame(const uint8_t *p, unsigned *rate, unsigned *samples)
{
    static const unsigned rates[3] = {44100, 48000, 32000};
    unsigned version = p[1] >> 3 & 3, layer = p[1] >> 1 & 3, index = p[2] >> 2 & 3;

    if (p[0] != 0xff || p[1] >> 5 != 7 || version == 1 || layer != 1 || index == 3 ||
        p[2] >> 4 == 15)
        return false;
    *rate = rates[index] >> (version == 3 ? 0 : version == 2 ? 1 : 2);
    *samples = version == 3 ? 1152 : 576;
    return true;
}

/* The first frame may carry "Xing" or "Info" with the number of frames; without it only reading every
 * frame would tell. */
static int32_t mp3_seconds(const uint8_t *head, size_t n)
{
    unsigned rate, samples;
    size_t at = 0, tag;

    if (n >= 10 && memcmp(head, "ID3", 3) == 0)
        at = 10 + ((size_t)(head[6] & 127) << 21 | (size_t)(head[7] & 127) << 14 |
                   (size_t)(head[8] & 127) << 7 | (size_t)(head[9] & 127));
    if (at + 4 > n || !mp3_frame(head + at, &rate, &samples))
        return -1;
    tag =
        at + 4 +
        (samples == 1152 ? (head[at + 3] >> 6 == 3 ? 17 : 32) : (head[at + 3] >> 6 == 3 ? 9 : 17));
    if (tag + 12 > n || (memcmp(head + tag, "Xing", 4) != 0 && memcmp(head + tag, "Info", 4) != 0))
        return -1;
    if ((u32_be(head + tag + 4) & 1) == 0)
        return -1;
    return rounded((uint64_t)u32_be(head + tag + 8) * samples, rate);
}

static bool has_marks(const struct form *f, const uint8_t *head, size_t n)
{
    if (f->marks[0].bytes == NULL)
        return false;
    for (size_t i = 0; i < 2 && f->marks[i].bytes != NULL; i++) {
        size_t length = strlen(f->marks[i].bytes);
        if (f->marks[i].at + length > n ||
            memcmp(head + f->marks[i].at, f->marks[i].bytes, length) != 0)
            return false;
    }
    return true;
}

static const struct form *form_of_bytes(const uint8_t *head, size_t n)
{
    unsigned rate, samples;

    for (size_t i = 0; i < N_FORMS; i++)
        if (has_marks(&forms[i], head, n))
            return &forms[i];
    return n >= 4 && mp3_frame(head, &rate, &samples) ? &forms[MP3] : NULL;
}

static bool is_type(const char *given, const char *type)
{
    size_t n = strlen(type);

    return type[0] != '\0' && strncasecmp(given, type, n) == 0 &&
           (given[n] == '\0' || given[n] == ';' || given[n] == ' ');
}

static const struct form *form_of_type(const char *type)
{
    for (size_t i = 0; i < N_FORMS; i++) {
        if (is_type(type, forms[i].content_type))
            return &forms[i];
        for (size_t k = 0; k < 3 && forms[i].aliases[k] != NULL; k++)
            if (is_type(type, forms[i].aliases[k]))
                return &forms[i];
    }
    return NULL;
}

static const struct form *form_of_path(const char *path)
{
    size_t n = strcspn(path, "?#");

    for (size_t i = 0; i < N_FORMS; i++) {
        size_t m = strlen(forms[i].extension);
        if (n > m && path[n - m - 1] == '.' &&
            strncasecmp(path + n - m, forms[i].extension, m) == 0)
            return &forms[i];
    }
    return NULL;
}

const char *media_type_of_path(const char *path)
{
    const struct form *f = form_of_path(path);

    return f != NULL ? f->content_type : anything.content_type;
}

/* What a server says when it means a page or a message. */
static bool is_talk(const char *type)
{
    return strncasecmp(type, "text/", 5) == 0 || is_type(type, "application/json") ||
           is_type(type, "application/xml") || is_type(type, "application/problem+json");
}

bool media_of(const uint8_t *head, size_t n, int64_t size, const char *content_type,
              const char *path, struct media *out)
{
    const struct form *f = form_of_bytes(head, n);

    if (f == NULL && content_type != NULL) {
        if (is_talk(content_type))
            return false;
        f = form_of_type(content_type);
    }
    if (f == NULL && path != NULL)
        f = form_of_path(path);
    if (f == NULL)
        f = &anything;
    *out = (struct media){f->extension, f->content_type, -1};
    if (f == &forms[WAV])
        out->duration_seconds = wav_seconds(head, n, size);
    if (f == &forms[MP3])
        out->duration_seconds = mp3_seconds(head, n);
    return true;
}
