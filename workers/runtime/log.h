/* One-line JSON logs on stderr: {"ts":"...","level":"warn","msg":"event rejected","topic":"orders/create",...}.
 * Only drivers and roles log; pure code returns a reason instead. One fact is logged once. */
#ifndef RUNTIME_LOG_H
#define RUNTIME_LOG_H

#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level level);
/* "error" ... "debug"; -1: no such level. */
int log_level_of(const char *name);

/* log_warn("event rejected", "topic", "orders/create", "reason", why, NULL): pairs of texts, closed by NULL.
 * A value of NULL is written as null. Never pass a secret or a customer's data. */
void log_error(const char *msg, ...) __attribute__((sentinel));
void log_warn(const char *msg, ...) __attribute__((sentinel));
void log_info(const char *msg, ...) __attribute__((sentinel));
void log_debug(const char *msg, ...) __attribute__((sentinel));

/* A number as text for the calls above; eight may be alive at once. */
const char *log_num(int64_t n);

#endif
