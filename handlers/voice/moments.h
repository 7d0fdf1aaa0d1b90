/* Moments as the providers write them -> microseconds since 1970, or EVENT_NO_TIME. */
#ifndef VOICE_MOMENTS_H
#define VOICE_MOMENTS_H

#include <stdint.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"

enum { MOMENT_SECOND_US = 1000000, MOMENT_MS_US = 1000 };

/* "2026-07-15T14:32:18Z" (RFC 3339), "Wed, 15 Jul 2026 14:32:18 +0000" (RFC 2822, the day's name
 * optional) or "2024-09-26 14:05:18.5", which is UTC unless it names an offset. */
int64_t moment_text(struct text t);

/* A JSON number of units of `unit_us` since 1970, which may be written as 1.7E12, or a string as
 * above. Before 1970 and after 9999 is no moment. */
int64_t moment_json(const struct json *v, struct arena *arena, int64_t unit_us);

/* Sum that keeps EVENT_NO_TIME. */
int64_t moment_plus(int64_t us, int64_t seconds);

#endif
