#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/config.h"

static struct config config;
static char error[512];

static bool load(const char *a, const char *b)
{
    char *argv[] = {(char *)"all", (char *)a, (char *)b, NULL};
    int argc = b != NULL ? 3 : a != NULL ? 2 : 1;

    error[0] = '\0';
    return config_load(&config, &argc, argv, error, sizeof error);
}

static void defaults_hold_without_anything_set(void **state)
{
    (void)state;
    assert_true(load(NULL, NULL));
    assert_int_equal(CONFIG_NUMBER(&config, STREAM_PARTITIONS), 8);
    assert_int_equal(CONFIG_NUMBER(&config, STREAM_RETENTION), 24 * 3600 * 1000);
    assert_int_equal(CONFIG_NUMBER(&config, BATCH_LINGER), 5);
    assert_int_equal(CONFIG_NUMBER(&config, MAX_BODY), 8 << 20);
    assert_int_equal(CONFIG_NUMBER(&config, API_RATE), 100);
    assert_string_equal(CONFIG_TEXT(&config, LISTEN), "0.0.0.0:8080");
    assert_null(CONFIG_TEXT(&config, DATABASE_URL));
}

static void flags_win_over_the_environment(void **state)
{
    (void)state;
    setenv("RINGBACK_BATCH_MAX", "7", 1);
    assert_true(load(NULL, NULL));
    assert_int_equal(CONFIG_NUMBER(&config, BATCH_MAX), 7);
    assert_true(load("--batch-max", "9"));
    assert_int_equal(CONFIG_NUMBER(&config, BATCH_MAX), 9);
    assert_true(load("--batch-max=11", NULL));
    assert_int_equal(CONFIG_NUMBER(&config, BATCH_MAX), 11);
    unsetenv("RINGBACK_BATCH_MAX");
}

static void what_is_no_setting_stays_in_argv(void **state)
{
    char *argv[] = {(char *)"simulate", (char *)"--rate",      (char *)"5",
                    (char *)"--listen", (char *)"127.0.0.1:0", NULL};
    int argc = 5;

    (void)state;
    assert_true(config_load(&config, &argc, argv, error, sizeof error));
    assert_int_equal(argc, 3);
    assert_string_equal(argv[1], "--rate");
    assert_string_equal(argv[2], "5");
    assert_null(argv[3]);
}

static void a_bad_value_is_refused_in_one_line_that_names_it(void **state)
{
    static const struct {
        const char *flag, *value, *said;
    } cases[] = {
        {"--stream-partitions", "0",
         "RINGBACK_STREAM_PARTITIONS is \"0\"; accepted is a whole number from 1 to 256"},
        {"--stream-partitions", "eight", "STREAM_PARTITIONS"},
        {"--stream-partitions", "99999999999999999999", "STREAM_PARTITIONS"},
        {"--stream-partitions", "-1", "STREAM_PARTITIONS"},
        {"--cart-abandon-after", "5m", "from 10m to 7d"},
        {"--cart-abandon-after", "10", "a duration"},
        {"--batch-linger", "5 ms", "a duration"},
        {"--max-body", "8MB", "a size"},
        {"--max-body", "18446744073709551615GiB", "a size"},
        {"--listen", "8080", "host:port"},
        {"--listen", "0.0.0.0:70000", "host:port"},
        {"--listen", "::1:80", "host:port"},
        {"--listen", ":80", "host:port"},
        {"--redis-url", "http://x", "REDIS_URL"},
        {"--database-url", "postgresql://[", "a URL such as"},
        {"--encryption-key", "short", "32 bytes in base64"},
        {"--shopify-api-secret", "a,,b", "without empty parts"},
        {"--log-level", "loud", "error, warn, info or debug"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_false(load(cases[i].flag, cases[i].value));
        assert_non_null(strstr(error, cases[i].said));
        assert_null(strchr(error, '\n'));
    }
    assert_false(load("--listen", NULL));
    assert_non_null(strstr(error, "needs a value"));
}

static void secrets_and_passwords_are_not_repeated(void **state)
{
    (void)state;
    assert_false(load("--encryption-key", "hunter2hunter2"));
    assert_null(strstr(error, "hunter2"));
    assert_false(load("--redis-url", "nosuch://user:hunter2@host"));
    assert_null(strstr(error, "hunter2"));
}

static void good_values_are_understood(void **state)
{
    static const char key[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    char host[64], two[100];
    unsigned port;

    (void)state;
    assert_true(load("--cart-expire-after", "30d"));
    assert_int_equal(CONFIG_NUMBER(&config, CART_EXPIRE_AFTER), 30ULL * 86400 * 1000);
    assert_true(load("--max-body", "512KiB"));
    assert_int_equal(CONFIG_NUMBER(&config, MAX_BODY), 512 << 10);
    assert_true(load("--encryption-key", key));
    snprintf(two, sizeof two, "%s,%s", key, key);
    assert_true(load("--encryption-key", two));
    assert_true(load("--redis-url", "unix:///tmp/redis.sock"));
    assert_true(config_address("[::1]:80", host, sizeof host, &port));
    assert_string_equal(host, "::1");
    assert_int_equal(port, 80);
    assert_false(config_address("[::1:80", host, sizeof host, &port));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_hold_without_anything_set),
        cmocka_unit_test(flags_win_over_the_environment),
        cmocka_unit_test(what_is_no_setting_stays_in_argv),
        cmocka_unit_test(a_bad_value_is_refused_in_one_line_that_names_it),
        cmocka_unit_test(secrets_and_passwords_are_not_repeated),
        cmocka_unit_test(good_values_are_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
