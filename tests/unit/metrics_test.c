#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/log.h"
#include "runtime/metrics.h"

static void the_same_name_and_labels_are_one_series(void **state)
{
    struct metric *a = metric_counter("t_total", "k=\"1\"", "a test");

    (void)state;
    assert_ptr_equal(a, metric_counter("t_total", "k=\"1\"", "a test"));
    assert_ptr_not_equal(a, metric_counter("t_total", "k=\"2\"", "a test"));
    metric_add(a, 2);
    assert_true(metric_value(a) == 2);
}

static void the_text_is_prometheus_exposition(void **state)
{
    struct metric *h = metric_histogram("t_seconds", "role=\"x\"", "how long");
    size_t len;
    char *text;

    (void)state;
    metric_set(metric_gauge("t_gauge", NULL, "a gauge"), 1.5);
    metric_observe(h, 0.003);
    metric_observe(h, 100);
    text = metrics_text(&len);
    assert_non_null(strstr(text, "# TYPE t_seconds histogram\n"));
    assert_non_null(strstr(text, "t_seconds_bucket{role=\"x\",le=\"0.002\"} 0\n"));
    assert_non_null(strstr(text, "t_seconds_bucket{role=\"x\",le=\"0.005\"} 1\n"));
    assert_non_null(strstr(text, "t_seconds_bucket{role=\"x\",le=\"+Inf\"} 2\n"));
    assert_non_null(strstr(text, "t_seconds_count{role=\"x\"} 2\n"));
    assert_non_null(strstr(text, "t_gauge 1.5\n"));
    assert_non_null(strstr(text, "process_resident_memory_bytes "));
    assert_int_equal(strlen(text), len);
    free(text);
}

static void series_are_bounded(void **state)
{
    char label[32];
    size_t len;
    char *text;

    (void)state;
    for (int i = 0; i < 5000; i++) {
        snprintf(label, sizeof label, "n=\"%d\"", i);
        metric_add(metric_counter("t_flood_total", label, "too many"), 1);
    }
    text = metrics_text(&len);
    assert_non_null(strstr(text, "ringback_metrics_overflow_total"));
    assert_true(len < 300000);
    free(text);
}

/* What log_info() writes, read back through a pipe in place of stderr. */
static void logged(const char *value, char *out, size_t size)
{
    int fds[2], saved = dup(2);
    ssize_t n;

    assert_int_equal(pipe(fds), 0);
    dup2(fds[1], 2);
    log_info("m", "key", value, "n", log_num(-5), NULL);
    dup2(saved, 2);
    close(fds[1]);
    n = read(fds[0], out, size - 1);
    out[n < 0 ? 0 : n] = '\0';
    close(fds[0]);
    close(saved);
}

static void a_log_line_is_one_line_of_json_whatever_the_value(void **state)
{
    char line[8192], big[9000];

    (void)state;
    logged("a\"b\\c\nd\x01", line, sizeof line);
    assert_non_null(
        strstr(line, "\"msg\":\"m\",\"key\":\"a\\\"b\\\\c\\u000ad\\u0001\",\"n\":\"-5\"}\n"));
    assert_non_null(strstr(line, "\"level\":\"info\""));
    logged(NULL, line, sizeof line);
    assert_non_null(strstr(line, "\"key\":null"));
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    logged(big, line, sizeof line);
    assert_true(strlen(line) <= 4096);
    assert_string_equal(line + strlen(line) - 2, "}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_name_and_labels_are_one_series),
        cmocka_unit_test(the_text_is_prometheus_exposition),
        cmocka_unit_test(series_are_bounded),
        cmocka_unit_test(a_log_line_is_one_line_of_json_whatever_the_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
