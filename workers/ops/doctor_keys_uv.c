/* The keys of users' tokens, had as a role would have them: file and secret read, the URL asked. */
#include <uv.h>

#include "ops/doctor.h"
#include "runtime/keyring.h"
#include "runtime/log.h"

struct asking {
    uv_loop_t loop;
    struct keyring *keyring;
    struct keyring_waiter waiter;
};

static void on_closed(void *ctx)
{
    (void)ctx;
}

static void on_answered(void *ctx)
{
    struct asking *a = ctx;

    uv_stop(&a->loop);
}

static void say(struct doctor *d, const struct keyring *k)
{
    const char *trouble = keyring_trouble(k);

    if (*trouble != '\0')
        doctor_says(d, FINDING_FAIL, "jwks",
                    "RINGBACK_JWKS_URL must answer with a JWKS, such as "
                    "https://PROJECT.supabase.co/auth/v1/.well-known/jwks.json",
                    "no keys came from %s: %s", keyring_url(k), trouble);
    else if (keyring_size(k) == 0)
        doctor_says(d, FINDING_WARN, "jwks",
                    "only tokens signed with RINGBACK_JWT_SECRET are admitted until it has some",
                    "no key that can be used (ES256 or RS256)");
    else
        doctor_says(d, FINDING_OK, "jwks", NULL, "%u public keys", keyring_size(k));
}

void doctor_check_keys(struct doctor *d)
{
    struct asking a = {.waiter = {.ready = on_answered, .ctx = &a}};
    char error[256];

    if (CONFIG_TEXT(d->config, JWKS_URL) == NULL && CONFIG_TEXT(d->config, JWKS_FILE) == NULL)
        return;
    log_set_level(LOG_ERROR); /* what is wrong is said below */
    uv_loop_init(&a.loop);
    a.keyring = keyring_open(&a.loop, d->config, error, sizeof error);
    if (a.keyring == NULL) {
        doctor_says(d, FINDING_FAIL, "jwks", "mend the file or the secret", "%s", error);
    } else {
        if (CONFIG_TEXT(d->config, JWKS_URL) != NULL && keyring_wait(a.keyring, &a.waiter))
            uv_run(&a.loop, UV_RUN_DEFAULT);
        say(d, a.keyring);
        keyring_close(a.keyring, on_closed, NULL);
    }
    uv_run(&a.loop, UV_RUN_DEFAULT);
    uv_loop_close(&a.loop);
}
