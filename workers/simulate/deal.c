#include "simulate/deal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hmac.h"
#include "simulate/random.h"

enum { HEADERS_MAX = 2048, WAITING_MAX = DEAL_WINDOW_MAX * (1 + DEAL_COPIES_MAX) };

struct deal {
    struct deal_options options;
    struct hmac_key key;
    struct rng rng;
    bool stopped;
    unsigned n;
    struct message *waiting[WAITING_MAX];
};

void message_drop(struct message *m)
{
    assert(m->refs > 0);
    if (--m->refs == 0)
        free(m);
}

struct deal *deal_new(const struct deal_options *options)
{
    struct deal *d = calloc(1, sizeof *d);

    assert(options->window >= 1 && options->window <= DEAL_WINDOW_MAX);
    assert(options->duplicates_percent <= DEAL_DUPLICATES_MAX);
    if (d == NULL)
        return NULL;
    d->options = *options;
    d->rng.state = options->seed ^ 0x6465616c; /* another sequence than the model's */
    if (!hmac_key_init(&d->key, options->secret, strlen(options->secret))) {
        free(d);
        return NULL;
    }
    return d;
}

/* Headers as Shopify sends them: facts/shopify.md 1. Triggered-At has nanoseconds. */
static int headers(const struct deal *d, const struct sim_event *e, char *out)
{
    char when[32], signature[BASE64_SIZE(SHA256_SIZE) + 1];
    uint8_t mac[SHA256_SIZE];
    time_t second = (time_t)(e->at_us / 1000000);
    struct tm tm;

    if (!hmac_sha256(&d->key, mac, e->body, e->len))
        return -1;
    base64_encode(signature, mac, sizeof mac);
    gmtime_r(&second, &tm);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &tm);
    return snprintf(out, HEADERS_MAX,
                    "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: "
                    "Shopify-Captain-Hook\r\nContent-Type: application/json\r\n"
                    "Content-Length: %zu\r\nX-Shopify-Topic: %s\r\nX-Shopify-Hmac-Sha256: %s\r\n"
                    "X-Shopify-Shop-Domain: %s\r\nX-Shopify-API-Version: "
                    "2026-07\r\nX-Shopify-Webhook-Id: %s\r\n"
                    "X-Shopify-Event-Id: %s\r\nX-Shopify-Triggered-At: %s.%06d000Z\r\n\r\n",
                    d->options.path, d->options.host, e->len, e->topic, signature, e->domain,
                    e->webhook_id, e->event_id, when, (int)(e->at_us % 1000000));
}

static struct message *message_new(struct deal *d, const struct sim_event *e)
{
    char head[HEADERS_MAX];
    struct voice_head voice = {.provider = e->provider};
    struct message *m;
    int n;

    if (e->provider == SIM_SHOPIFY)
        n = headers(d, e, head);
    else
        n = voice_head(d->options.voice, e, &voice, head, sizeof head);
    if (n < 0)
        return NULL;
    assert(n < HEADERS_MAX);
    m = malloc(sizeof *m + (size_t)n + e->len);
    if (m == NULL)
        return NULL;
    *m = (struct message){.refs = 0,
                          .order_id = e->order_id,
                          .store = e->store,
                          .topic = e->topic,
                          .voice = voice,
                          .len = (size_t)n + e->len};
    memcpy(m->bytes, head, (size_t)n);
    memcpy(m->bytes + n, e->body, e->len);
    return m;
}

static void put(struct deal *d, struct message *m)
{
    assert(d->n < WAITING_MAX);
    m->refs++;
    d->waiting[d->n++] = m;
}

static void fill(struct deal *d)
{
    struct sim_event e;
    struct message *m;

    while (!d->stopped && d->n < d->options.window) {
        if (!sim_next(d->options.sim, &e))
            return;
        m = message_new(d, &e);
        if (m == NULL) {
            fprintf(stderr, "ringback simulate: out of memory\n");
            exit(1);
        }
        put(d, m);
    }
}

/* The first delivery of an event decides how many more follow. */
static void duplicate(struct deal *d, struct message *m)
{
    unsigned copies = d->options.duplicates_percent / 100;

    copies += rng_percent(&d->rng, d->options.duplicates_percent % 100);
    while (copies-- > 0)
        put(d, m);
}

struct message *deal_next(struct deal *d)
{
    struct message *m;
    unsigned i;

    fill(d);
    if (d->n == 0)
        return NULL;
    i = d->options.window == 1 ? 0 : rng_below(&d->rng, d->n);
    m = d->waiting[i];
    if (d->options.window == 1)
        memmove(&d->waiting[0], &d->waiting[1], (d->n - 1) * sizeof d->waiting[0]);
    else
        d->waiting[i] = d->waiting[d->n - 1];
    d->n--;
    if (!m->taken)
        duplicate(d, m);
    return m;
}

size_t deal_sign(const struct deal *d, const struct message *m, int64_t now_ms,
                 char out[VOICE_SIGNATURE_MAX])
{
    if (m->voice.provider == SIM_SHOPIFY)
        return 0;
    return voice_sign(d->options.voice, &m->voice, m->bytes, m->len, now_ms, out);
}

void deal_stop(struct deal *d)
{
    d->stopped = true;
}

void deal_free(struct deal *d)
{
    if (d == NULL)
        return;
    while (d->n > 0)
        message_drop(d->waiting[--d->n]);
    hmac_key_free(&d->key);
    free(d);
}
