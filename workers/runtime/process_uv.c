/* Happy path: open the ports -> start the roles -> SIGTERM -> door closed (running requests answered) -> roles stopped
 * (batches committed and acknowledged, leases handed over) -> admin port closed -> the loop is empty -> exit 0.
 * Failures: a port that is taken or a role that cannot start: one line, exit 1. A stop that hangs: after STOP_MS_MAX
 * the process ends with status 1; what was not acknowledged comes again, which is harmless. */
#include "runtime/process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "runtime/admin.h"
#include "runtime/door.h"
#include "runtime/keyring.h"
#include "runtime/log.h"

enum {
    CONNECTIONS_MAX = 65536,
    IDLE_TIMEOUT_MS = 75000,
    DOOR_GRACE_MS = 5000,
    STOP_MS_MAX = 25000,
    ROLES_MAX = 8
};

static struct running {
    const struct process *what;
    struct app app;
    uv_loop_t loop;
    uv_signal_t term, interrupt;
    uv_timer_t deadline;
    unsigned roles_stopping;
    bool stopping;
    int status;
} run;

static void close_own_handles(void)
{
    uv_close((uv_handle_t *)&run.term, NULL);
    uv_close((uv_handle_t *)&run.interrupt, NULL);
    uv_close((uv_handle_t *)&run.deadline, NULL);
}

static void on_admin_stopped(void *ctx)
{
    (void)ctx;
    close_own_handles();
}

static void on_keyring_closed(void *ctx)
{
    (void)ctx;
    run.app.keyring = NULL;
    admin_stop(on_admin_stopped, NULL);
}

static void on_role_stopped(void *ctx)
{
    const struct role *role = ctx;

    log_info("role stopped", "role", role->name, NULL);
    if (--run.roles_stopping > 0)
        return;
    if (run.app.keyring != NULL)
        keyring_close(run.app.keyring, on_keyring_closed, NULL);
    else
        admin_stop(on_admin_stopped, NULL);
}

static void on_door_closed(void *ctx)
{
    const struct role *const *r;

    (void)ctx;
    for (r = run.what->roles; *r != NULL; r++)
        run.roles_stopping++;
    for (r = run.what->roles; *r != NULL; r++)
        (*r)->stop(on_role_stopped, (void *)(uintptr_t)*r);
}

static void on_deadline(uv_timer_t *t)
{
    (void)t;
    log_error("stop took too long", "limit_ms", log_num(STOP_MS_MAX), NULL);
    exit(1);
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)handle;
    if (run.stopping) {
        log_warn("second signal: ending at once", NULL);
        exit(1);
    }
    run.stopping = true;
    log_info("stopping", "signal", number == SIGTERM ? "SIGTERM" : "SIGINT", NULL);
    uv_timer_start(&run.deadline, on_deadline, STOP_MS_MAX, 0);
    if (run.app.door != NULL)
        door_close(run.app.door, DOOR_GRACE_MS, on_door_closed, NULL);
    else
        on_door_closed(NULL);
}

/* As many descriptors as the system lets us have: each socket is one. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void name_instance(char *out, size_t size)
{
    char host[24] = "host";
    unsigned random = 0;

    gethostname(host, sizeof host - 1);
    uv_random(NULL, NULL, &random, sizeof random, 0, NULL);
    snprintf(out, size, "%.16s-%d-%08x", host, (int)getpid(), random);
}

static bool open_ports(const struct process *p, const struct config *config)
{
    struct door_options options = {.address = CONFIG_TEXT(config, LISTEN),
                                   .connections_max = CONNECTIONS_MAX,
                                   .idle_timeout_ms = IDLE_TIMEOUT_MS,
                                   .exclusive = true}; /* a port that is taken stops the start */
    char error[256];
    size_t n = 0;

    if (p->door) {
        run.app.door = door_open(&run.loop, &options, error, sizeof error);
        if (run.app.door == NULL) {
            fprintf(stderr, "ringback: %s\n", error);
            return false;
        }
        snprintf(run.app.listen, sizeof run.app.listen, "%s", door_address(run.app.door));
    }
    while (p->roles[n] != NULL)
        n++;
    if (!admin_start(&run.app, p->roles, n, error, sizeof error)) {
        fprintf(stderr, "ringback: %s\n", error);
        return false;
    }
    return true;
}

/* The keys of tokens, when one of the roles needs them. False: told why not. */
static bool open_keyring(const struct process *p, const struct config *config)
{
    char error[256];
    bool needed = false;

    for (const struct role *const *r = p->roles; *r != NULL; r++)
        needed = needed || (*r)->tokens;
    if (!needed)
        return true;
    run.app.keyring = keyring_open(&run.loop, config, error, sizeof error);
    if (run.app.keyring == NULL)
        fprintf(stderr, "ringback: %s\n", error);
    else if (CONFIG_TEXT(config, JWT_SECRET) == NULL && CONFIG_TEXT(config, JWKS_FILE) == NULL &&
             CONFIG_TEXT(config, JWKS_URL) == NULL)
        log_warn("nobody is admitted: no RINGBACK_JWT_SECRET, RINGBACK_JWKS_URL or "
                 "RINGBACK_JWKS_FILE is set",
                 NULL);
    return run.app.keyring != NULL;
}

int process_run(const struct process *p, const struct config *config)
{
    run.what = p;
    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    log_set_level((enum log_level)log_level_of(CONFIG_TEXT(config, LOG_LEVEL)));
    uv_loop_init(&run.loop);
    run.app.loop = &run.loop;
    run.app.config = config;
    name_instance(run.app.instance, sizeof run.app.instance);
    if (!open_ports(p, config) || !open_keyring(p, config))
        return 1;
    uv_signal_init(&run.loop, &run.term);
    uv_signal_init(&run.loop, &run.interrupt);
    uv_timer_init(&run.loop, &run.deadline);
    uv_signal_start(&run.term, on_signal, SIGTERM);
    uv_signal_start(&run.interrupt, on_signal, SIGINT);
    for (const struct role *const *r = p->roles; *r != NULL; r++)
        if (!(*r)->start(&run.app))
            return 1;
    if (p->door)
        log_info("listening", "role", p->name, "address", run.app.listen, "instance",
                 run.app.instance, NULL);
    else
        log_info("started", "role", p->name, "instance", run.app.instance, NULL);
    uv_run(&run.loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&run.loop) != 0)
        log_warn("handles were left open", NULL);
    log_info("stopped", "role", p->name, NULL);
    return run.status;
}
