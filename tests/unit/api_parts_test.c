/* api/auth, api/gzip, api/openapi: the token in a header and what it is worth; what is packed comes out as it went in; the document
 * is one JSON object that names every endpoint and parameter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <libdeflate.h>

#include "api/auth.h"
#include "runtime/gzip.h"
#include "api/openapi.h"
#include "runtime/jsontext.h"

static void tokens_are_found_in_headers(void **state)
{
    static const struct {
        const char *header, *token;
    } cases[] = {
        {NULL, ""},
        {"", ""},
        {"Bearer", ""},
        {"Bearer ", ""},
        {"Bearer a.b.c", "a.b.c"},
        {"bearer a.b.c", "a.b.c"},
        {"BEARER   a.b.c", "a.b.c"},
        {"Bearer a.b.c ", "a.b.c"},
        {"Basic a.b.c", ""},
        {"a.b.c", ""},
        {"Bearera.b.c", ""},
        {" Bearer a.b.c", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t len = 99;
        const char *token = auth_token(cases[i].header, &len);

        if (len != strlen(cases[i].token) || (len > 0 && memcmp(token, cases[i].token, len) != 0))
            fail_msg("%s: %zu", cases[i].header, len);
    }
}

static void only_tokens_of_users_count(void **state)
{
    static const char user[] = "3f2c1d7a-0000-4000-8000-00000000000a";
    static const struct {
        enum jwt_result verified;
        const char *role, *sub;
        enum auth_result result;
    } cases[] = {
        {JWT_OK, "authenticated", user, AUTH_USER},
        {JWT_OK, "anon", user, AUTH_NO_USER},
        {JWT_OK, "service_role", user, AUTH_NO_USER},
        {JWT_OK, "Authenticated", user, AUTH_NO_USER},
        {JWT_OK, "", user, AUTH_NO_USER},
        {JWT_OK, "authenticated", "", AUTH_NO_USER},
        {JWT_EXPIRED, "authenticated", user, AUTH_BAD},
        {JWT_BAD_SIGNATURE, "authenticated", user, AUTH_BAD},
        {JWT_MALFORMED, "", "", AUTH_BAD},
        {JWT_UNSUPPORTED, "", "", AUTH_BAD},
        {JWT_NO_KEY, "", "", AUTH_BAD},
        {JWT_NOT_YET, "authenticated", user, AUTH_BAD},
        {JWT_BAD_CLAIMS, "authenticated", user, AUTH_BAD},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static struct jwt jwt;
        const char *why = NULL;

        snprintf(jwt.role, sizeof jwt.role, "%s", cases[i].role);
        snprintf(jwt.sub, sizeof jwt.sub, "%s", cases[i].sub);
        assert_int_equal(auth_of(cases[i].verified, &jwt, &why), cases[i].result);
        if (cases[i].result == AUTH_BAD)
            assert_string_equal(why, jwt_result_text(cases[i].verified));
    }
}

static void unpack(const void *data, size_t len, char *out, size_t out_len)
{
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();

    assert_int_equal(libdeflate_gzip_decompress(d, data, len, out, out_len, NULL),
                     LIBDEFLATE_SUCCESS);
    libdeflate_free_decompressor(d);
}

static void what_is_packed_comes_out_again(void **state)
{
    static const size_t sizes[] = {GZIP_MIN, 5000, 65535, 65536, 1 << 20};
    static char body[1 << 20], back[1 << 20];
    uint32_t random = 1;
    size_t n;
    void *packed;

    (void)state;
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = "{\"id\":\"0123456789abcdef\",\"name\":null},"[i % 38];
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        packed = gzip_compress(body, sizes[i], &n);
        assert_non_null(packed);
        assert_true(n < sizes[i] / 4);
        unpack(packed, n, back, sizes[i]);
        assert_memory_equal(body, back, sizes[i]);
        free(packed);
    }
    for (size_t i = 0; i < sizeof body; i++) {
        random = random * 1664525 + 1013904223;
        body[i] = (char)(random >> 24);
    }
    assert_null(gzip_compress(body, sizeof body, &n)); /* noise does not get smaller */
}

static void the_document_is_json_and_names_everything(void **state)
{
    static struct plans plans;
    size_t len = 0;
    char *document;
    struct text paths, schemas;

    (void)state;
    plans_make(&plans, api_endpoints, api_endpoints_n);
    document = openapi_write(&plans, &len);
    assert_non_null(document);
    assert_true(jsontext_valid((struct text){document, len}));
    paths = jsontext_get((struct text){document, len}, "paths");
    schemas = jsontext_get(jsontext_get((struct text){document, len}, "components"), "schemas");
    for (unsigned i = 0; i < plans.n; i++) {
        const struct plan *p = &plans.plan[i];
        struct jsontext_each each;
        struct text path, operations, operation = {NULL, 0};
        char method[16] = "", name[128];

        for (size_t k = 0; p->endpoint->method[k] != '\0'; k++)
            method[k] = (char)(p->endpoint->method[k] | 0x20);
        for (jsontext_open(&each, paths); jsontext_member(&each, &path, &operations);) {
            struct text one = jsontext_get(operations, method);

            snprintf(name, sizeof name, "\"%s\"", p->endpoint->name);
            if (one.p != NULL && text_equal(jsontext_get(one, "operationId"), text_of(name)))
                operation = one;
        }
        if (operation.p == NULL)
            fail_msg("%s is not there", p->endpoint->name);
        for (unsigned k = 0; k < p->n; k++) {
            if (p->list && k == p->offset)
                continue;
            snprintf(name, sizeof name, "\"%s\"", p->names[k]);
            if (memmem(operation.p, operation.n, name, strlen(name)) == NULL)
                fail_msg("%s has no %s", p->endpoint->name, name);
        }
        if (p->endpoint->schema != NULL)
            assert_non_null(jsontext_get(schemas, p->endpoint->schema).p);
    }
    free(document);
}

static void the_list_of_endpoints_has_a_line_for_each(void **state)
{
    static struct plans plans;
    char *text;
    unsigned lines = 0;

    (void)state;
    plans_make(&plans, api_endpoints, api_endpoints_n);
    text = openapi_markdown(&plans);
    assert_non_null(text);
    for (const char *p = text; *p != '\0'; p++)
        lines += *p == '\n';
    assert_int_equal(lines, plans.n + 2);
    assert_non_null(strstr(text, "| `DELETE /v1/agents/:id` |"));
    assert_non_null(strstr(text, "| admins |"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_found_in_headers),
        cmocka_unit_test(only_tokens_of_users_count),
        cmocka_unit_test(what_is_packed_comes_out_again),
        cmocka_unit_test(the_document_is_json_and_names_everything),
        cmocka_unit_test(the_list_of_endpoints_has_a_line_for_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
