/* The dashboard's files as HTTP sees them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dashboard/page.h"

static void each_kind_has_its_address_and_type(void **state)
{
    static const struct {
        const char *path, *url, *type;
    } cases[] = {
        {"workers/dashboard/page/index.html", "/", "text/html; charset=utf-8"},
        {"workers/dashboard/page/app.js", "/assets/app.js", "text/javascript; charset=utf-8"},
        {"workers/dashboard/page/base.css", "/assets/base.css", "text/css; charset=utf-8"},
        {"workers/dashboard/page/icon.svg", "/assets/icon.svg", "image/svg+xml"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct asset asset = {cases[i].path, "x", 1};
        struct page_file f;

        assert_true(page_file_open(&f, &asset));
        assert_string_equal(f.url, cases[i].url);
        assert_string_equal(f.type, cases[i].type);
        assert_null(f.packed); /* fits into one packet anyway */
    }
}

static void a_name_that_cannot_be_served_is_refused(void **state)
{
    char longest[PAGE_URL_MAX + 32] = "page/";
    const struct asset bad[] = {
        {"page/notes.txt", "x", 1}, {"page/none", "x", 1}, {longest, "x", 1}};
    struct page_file f;

    (void)state;
    memset(longest + 5, 'a', PAGE_URL_MAX);
    strcpy(longest + 5 + PAGE_URL_MAX, ".js");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(page_file_open(&f, &bad[i]));
}

static void tags_differ_with_the_bytes_and_large_files_are_packed(void **state)
{
    static char text[4096], other[4096];
    const struct asset one = {"page/a.js", text, sizeof text},
                       two = {"page/a.js", other, sizeof other};
    struct page_file f, g;

    (void)state;
    memset(text, 'a', sizeof text);
    memset(other, 'a', sizeof other);
    other[100] = 'b';
    assert_true(page_file_open(&f, &one));
    assert_true(page_file_open(&g, &two));
    assert_string_not_equal(f.tag, g.tag);
    assert_non_null(f.packed);
    assert_in_range(f.packed_len, 1, sizeof text / 4);
    assert_memory_equal(f.packed, "\x1f\x8b", 2);
    page_file_close(&f);
    page_file_close(&g);
}

/* No file lies there unused. (That none is missing is seen in a browser: tests/live/dashboard_test.mjs.) */
static void the_page_is_whole(void **state)
{
    size_t n;
    const struct asset *files = asset_list("workers/dashboard/page/", &n),
                       *page = asset_find("workers/dashboard/page/index.html");

    (void)state;
    assert_non_null(page);
    for (size_t i = 0; i < n; i++) {
        const char *name = strrchr(files[i].path, '/') + 1;
        bool named = &files[i] == page;
        struct page_file f;

        assert_true(page_file_open(&f, &files[i]));
        page_file_close(&f);
        for (size_t k = 0; k < n && !named; k++)
            named = strstr(files[k].data, name) != NULL && k != i;
        if (!named)
            fail_msg("%s is named nowhere", name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_has_its_address_and_type),
        cmocka_unit_test(a_name_that_cannot_be_served_is_refused),
        cmocka_unit_test(tags_differ_with_the_bytes_and_large_files_are_packed),
        cmocka_unit_test(the_page_is_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
