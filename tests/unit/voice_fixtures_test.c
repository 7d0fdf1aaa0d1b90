/* Published payloads of the voice providers, read where they lie (outside the project, so only
 * where that folder exists): each leaves the row that expected.tsv says, and the payloads of one
 * call leave the same row in whatever order they come. The merge of versions here is the statement's
 * in schema/worker, in small: status of the greatest version, other columns of the greatest that
 * has one. */
#include "voicing.h"

#include <dirent.h>

#include "base/hmac.h"

#define FIXTURES SOURCE_DIR "/../shared/fixtures/voice/"

enum { FILE_MAX = 1 << 20, CALLS_MAX = 64, VALUE_MAX = 1024, FILES_MAX = 128, VERSION = 24 };

struct cell {
    uint8_t version[VERSION];
    char value[VALUE_MAX]; /* "": NULL */
};

struct merged {
    char key[512]; /* provider and call */
    struct cell cell[COLUMNS_calls];
};

static struct merged calls[CALLS_MAX];
static unsigned n_calls;
static char text[FILE_MAX];

static struct text read_fixture(const char *file)
{
    char path[1024];
    FILE *f;
    size_t n;

    snprintf(path, sizeof path, "%s%s", FIXTURES, file);
    f = fopen(path, "rb");
    assert_non_null(f);
    n = fread(text, 1, sizeof text, f);
    assert_true(n > 0 && n < sizeof text);
    fclose(f);
    return (struct text){text, n};
}

/* The folder's provider; NULL: not one of ours. */
static const char *provider_of(const char *file)
{
    char name[64];

    snprintf(name, sizeof name, "%.*s", (int)strcspn(file, "/"), file);
    if (strcmp(name, "telnyx_texml") == 0)
        return "telnyx";
    return voice_provider_find(name) == NULL ? NULL : voice_provider_find(name)->name;
}

static void print_value(const struct column *column, const struct value *v, char out[VALUE_MAX])
{
    if (!v->set)
        out[0] = '\0';
    else if (column->type == COLUMN_TIME || column->type == COLUMN_INT4)
        snprintf(out, VALUE_MAX, "%lld", (long long)v->num);
    else
        snprintf(out, VALUE_MAX, "%.*s", (int)v->text.n, v->text.p);
}

static void merge(const struct row *r)
{
    const uint8_t *version = (const uint8_t *)r->v[COL_calls_source_version].text.p;
    struct merged *m = calls;
    char key[512];

    snprintf(key, sizeof key, "%.*s %.*s", (int)r->v[COL_calls_provider].text.n,
             r->v[COL_calls_provider].text.p, (int)r->v[COL_calls_external_call_id].text.n,
             r->v[COL_calls_external_call_id].text.p);
    while (m < calls + n_calls && strcmp(m->key, key) != 0)
        m++;
    if (m == calls + n_calls) {
        assert_true(n_calls++ < CALLS_MAX);
        memset(m, 0, sizeof *m);
        strcpy(m->key, key);
    }
    for (unsigned c = 0; c < COLUMNS_calls; c++) {
        const struct column *column = &rowsets[ROWSET_calls].columns[c];
        char value[VALUE_MAX];

        print_value(column, &r->v[c], value);
        if ((value[0] == '\0' && (column->flags & COLUMN_FILL) != 0) ||
            column->type == COLUMN_BYTES || column->type == COLUMN_UUID ||
            memcmp(version, m->cell[c].version, VERSION) < 0)
            continue;
        strcpy(m->cell[c].value, value);
        memcpy(m->cell[c].version, version, VERSION);
    }
}

/* With the version that the body's digest gives it. */
static void deliver(const char *file)
{
    const char *provider = provider_of(file);
    struct text body = read_fixture(file);
    const struct voice_event *ev;
    uint8_t digest[32];

    assert_non_null(provider);
    ev = voice_bytes(provider, body.p, body.n);
    if (ev == NULL) {
        assert_int_equal(voiced.verdict, VERDICT_IGNORE);
        return;
    }
    sha256(digest, body.p, body.n, NULL);
    rows_init(&voiced.rows, &voiced.arena);
    rows_start_event(&voiced.rows, 0);
    voice_rows(voice_provider_find(provider), ev, &voicing_owner, digest, &voiced.rows);
    merge(voiced_call());
}

static void expect_cell(const char *file, unsigned column, const char *expected, bool blank_is_null)
{
    const char *got = calls[0].cell[column].value;

    if (*expected == '\0' && !blank_is_null)
        return;
    if (strcmp(got, expected) != 0)
        fail_msg("%s: %s is '%s', expected '%s'", file, rowsets[ROWSET_calls].columns[column].name,
                 got, expected);
}

/* Splits at tabs, empty fields included. */
static unsigned split(char *line, char *field[], unsigned max)
{
    unsigned n = 0;

    line[strcspn(line, "\r\n")] = '\0';
    while (line != NULL && n < max)
        field[n++] = strsep(&line, "\t");
    return n;
}

static void every_payload_leaves_the_row_that_it_must(void **state)
{
    FILE *f = fopen(FIXTURES "expected.tsv", "rb");
    char line[1024];
    unsigned n = 0;

    (void)state;
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f)); /* the names of the columns */
    while (fgets(line, sizeof line, f) != NULL) {
        char *field[7];

        assert_int_equal(split(line, field, 7), 7);
        if (provider_of(field[0]) == NULL)
            continue;
        for (int times = 1; times <= 2; times++) {
            n_calls = 0;
            for (int i = 0; i < times; i++)
                deliver(field[0]);
            assert_int_equal(n_calls, 1);
            expect_cell(field[0], COL_calls_call_type, field[1], false); /* blank: not looked at */
            expect_cell(field[0], COL_calls_status, field[3], true);
            expect_cell(field[0], COL_calls_outcome, field[4], true);
            expect_cell(field[0], COL_calls_duration_seconds, field[5], true);
            expect_cell(field[0], COL_calls_sentiment, field[6], true);
        }
        n++;
    }
    fclose(f);
    assert_true(n >= 46);
}

static char files[FILES_MAX][320];
static unsigned n_files;

/* Every payload that is no API reply. */
static void list_files(const char *folder)
{
    char path[1024];
    DIR *dir;

    snprintf(path, sizeof path, "%s%s", FIXTURES, folder);
    dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (e->d_name[0] == '.' || strncmp(e->d_name, "api_", 4) == 0 ||
            strstr(e->d_name, "signature") != NULL)
            continue;
        assert_true(n_files < FILES_MAX);
        snprintf(files[n_files++], sizeof files[0], "%s/%s", folder, e->d_name);
    }
    closedir(dir);
}

static int compare_calls(const void *a, const void *b)
{
    return strcmp(((const struct merged *)a)->key, ((const struct merged *)b)->key);
}

static void any_order_leaves_the_same_rows(void **state)
{
    static const char *const folders[] = {"retell", "vapi",         "twilio",
                                          "plivo",  "telnyx_texml", "elevenlabs"};
    static struct merged first[CALLS_MAX];
    unsigned seed = 1, n_first = 0;

    (void)state;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        list_files(folders[i]);
    assert_true(n_files >= 50);
    for (unsigned round = 0; round < 12; round++) {
        for (unsigned i = n_files - 1; round > 0 && i > 0; i--) {
            char swap[320];
            unsigned j;

            seed = seed * 1103515245 + 12345;
            j = (seed >> 16) % (i + 1);
            memcpy(swap, files[i], sizeof swap);
            memcpy(files[i], files[j], sizeof swap);
            memcpy(files[j], swap, sizeof swap);
        }
        n_calls = 0;
        for (unsigned i = 0; i < n_files; i++)
            deliver(files[i]);
        for (unsigned i = n_files; round % 2 == 1 && i > 0; i--)
            deliver(files[i - 1]); /* all of them again, backwards */
        qsort(calls, n_calls, sizeof *calls, compare_calls);
        if (round == 0) {
            memcpy(first, calls, sizeof first);
            n_first = n_calls;
        }
        assert_int_equal(n_calls, n_first);
        for (unsigned i = 0; i < n_calls; i++) {
            assert_string_equal(calls[i].key, first[i].key);
            for (unsigned c = 0; c < COLUMNS_calls; c++)
                assert_string_equal(calls[i].cell[c].value, first[i].cell[c].value);
        }
    }
}

static void transcripts_checked_by_hand(void **state)
{
    static const struct {
        const char *file;
        unsigned turns;
        const char *speaker, *first;
    } cases[] = {
        {"retell/call_ended_user_hangup_outbound_costs.json", 4, "agent", "Oi, CLIENTE, tudo bem?"},
        {"retell/transcript_updated.json", 2, "agent", "Hello, am I speaking with John?"},
        {"retell/call_ended_docs_sample_status_registered.json", 0, NULL, NULL},
        {"vapi/end_of_call_report_vapi4k_real.json", 9, "agent", "Hi there. I'm assistant 1."},
        {"vapi/end_of_call_report_pipeline_error_web.json", 2, "agent", "Welcome to the store..."},
        {"vapi/transcript_final_bracket_type.json", 1, "caller", "I'd like to book a table."},
        {"vapi/transcript_partial.json", 0, NULL, NULL},
        {"vapi/conversation_update.json", 0, NULL, NULL},
        {"elevenlabs/post_call_transcription_tool_eval_failed.json", 2, "agent",
         "Let me look up available slots for you."},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text body = read_fixture(cases[i].file);

        voice_bytes(provider_of(cases[i].file), body.p, body.n);
        if (voiced.rows.n[ROWSET_call_turns] != cases[i].turns)
            fail_msg("%s: %u turns", cases[i].file, voiced.rows.n[ROWSET_call_turns]);
        if (cases[i].turns == 0)
            continue;
        expect_text(voiced_turn(0), COL_call_turns_speaker, cases[i].speaker);
        expect_text(voiced_turn(0), COL_call_turns_content, cases[i].first);
    }
}

static void parties_and_recordings_checked_by_hand(void **state)
{
    static const struct {
        const char *file, *from, *to, *recording;
    } cases[] = {
        {"retell/call_ended_dial_no_answer_outbound.json", "iatizeia", "+550000000001", NULL},
        {"retell/call_ended_user_hangup_outbound_costs.json", "11111", "+550000000003", NULL},
        {"retell/call_ended_with_inline_analysis.json", "+16025550142", "+16025550101", NULL},
        {"vapi/end_of_call_report_no_answer.json", NULL, "+447700900123",
         "https://example.com/rec.wav"},
        {"vapi/end_of_call_report_pipeline_error_web.json", NULL, NULL,
         "https://example.com/recording.wav"},
        {"plivo/ring_real.form", "+910000000100", "+910000000001", NULL},
        {"plivo/record_callback_test.form", NULL, NULL, "https://example.com/rec.mp3"},
        {"twilio/recording_completed_api_real.form", NULL, NULL,
         "https://api.twilio.com/2010-04-01/Accounts/AC00000000000000000000000000000000/Recordings/"
         "RE11111111111111111111111111111111"},
        {"elevenlabs/call_initiation_failure_sip_busy.json", "+15550001234", "+15550005678", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text body = read_fixture(cases[i].file);

        voice_bytes(provider_of(cases[i].file), body.p, body.n);
        expect_text(voiced_call(), COL_calls_from_number, cases[i].from);
        expect_text(voiced_call(), COL_calls_to_number, cases[i].to);
        assert_int_equal(voiced.rows.n[ROWSET_call_recordings], cases[i].recording != NULL);
        if (cases[i].recording != NULL)
            expect_text(voiced_recording(), COL_call_recordings_provider_url, cases[i].recording);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_payload_leaves_the_row_that_it_must),
        cmocka_unit_test(any_order_leaves_the_same_rows),
        cmocka_unit_test(transcripts_checked_by_hand),
        cmocka_unit_test(parties_and_recordings_checked_by_hand),
    };
    DIR *dir = opendir(FIXTURES);

    if (dir == NULL) {
        print_message("skipped: no folder %s\n", FIXTURES);
        return 0;
    }
    closedir(dir);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
