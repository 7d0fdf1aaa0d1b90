/* POST /webhooks/shopify: from signed bytes to an envelope. Nothing of a request is looked at
 * before its signature was found right, except the shop domain that tells which store's own secret
 * to try. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "event.h"
#include "gateway/gateway.h"
#include "gateway/signature.h"
#include "runtime/log.h"

static const struct gateway_source source = {
    .name = "shopify",
    .says =
        {
            [RESULT_UNSIGNED] =
                "the signature is missing or was not made with a secret that is configured here: "
                "check the app's client secret, or the store's own webhook secret",
            [RESULT_BAD_HEADERS] =
                "X-Shopify-Topic and X-Shopify-Shop-Domain (name.myshopify.com) are required",
            [RESULT_UNKNOWABLE] =
                "the store's own secret cannot be looked up at the moment: send it again",
        },
};

struct shopify {
    struct gateway *gateway;
    struct store_secrets *secrets; /* NULL: none but the app's */
    struct signatures app;
};

/* A request between its parts: it may wait for a store's secret. */
struct webhook {
    struct shopify *shopify;
    uint8_t mac[SHA256_SIZE];
    char domain[SHOP_DOMAIN_MAX + 1]; /* "": none, or not one of Shopify's */
    bool asked;
};

static const char *const topics[] = {
#define TOPIC(name, handler) name,
#include "topics.def"
#undef TOPIC
};

/* Headers that a dead letter shows and a handler may want. */
static const char *const kept_headers[] = {
    "x-shopify-api-version", "x-shopify-name",     "x-shopify-sub-topic",
    "x-shopify-test",        "x-shopify-order-id",
};
static_assert(sizeof kept_headers / sizeof kept_headers[0] <= ENVELOPE_HEADERS_MAX, "they fit");

/* The list's own text, or NULL. */
static const char *known_topic(const char *topic)
{
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++)
        if (strcmp(topics[i], topic) == 0)
            return topics[i];
    return NULL;
}

static void fill_envelope(struct envelope *e, const struct webhook *w, struct http_request *r,
                          const char *topic)
{
    gateway_envelope(e, r, &source, topic);
    e->key = text_of(w->domain);
    e->event_id = gateway_header(r, "X-Shopify-Event-Id");
    e->delivery_id = gateway_header(r, "X-Shopify-Webhook-Id");
    /* Untouched when it is no time. */
    time_parse(gateway_header(r, "X-Shopify-Triggered-At"), &e->triggered_us);
    for (size_t i = 0; i < sizeof kept_headers / sizeof kept_headers[0]; i++)
        gateway_keep_header(e, kept_headers[i], gateway_header(r, kept_headers[i]));
}

/* The signature was right. */
static void accept_webhook(struct webhook *w, struct http_request *r)
{
    const char *given = http_header(r, "X-Shopify-Topic");
    const char *topic;
    struct envelope e;

    if (given == NULL || *given == '\0' || w->domain[0] == '\0') {
        gateway_answer(w->shopify->gateway, r, &source, "", RESULT_BAD_HEADERS);
        return;
    }
    topic = known_topic(given);
    if (topic == NULL) {
        gateway_answer(w->shopify->gateway, r, &source, "unknown", RESULT_DROPPED);
        return;
    }
    fill_envelope(&e, w, r, topic);
    gateway_publish(w->shopify->gateway, r, &source, topic, &e);
}

static void on_secret_asked(void *ctx, bool ok);

/* No secret of the app made the signature: perhaps the store's own did. */
static void try_store_secret(struct webhook *w, struct http_request *r)
{
    struct gateway *g = w->shopify->gateway;
    struct secret_view view;
    const char *body;
    bool matches;
    size_t len;

    if (w->shopify->secrets == NULL || w->domain[0] == '\0') {
        gateway_answer(g, r, &source, "", RESULT_UNSIGNED);
        return;
    }
    view = store_secrets_find(w->shopify->secrets, w->domain);
    body = http_body(r, &len);
    matches = view.state == SECRET_KNOWN &&
              signature_of_secret(view.secret, view.secret_len, w->mac, body, len);
    switch (secret_decide(view, matches)) {
    case SECRET_ACCEPT:
        if (view.age_ms >= SECRET_RECHECK_MS)
            store_secrets_ask(w->shopify->secrets, w->domain, NULL, NULL);
        accept_webhook(w, r);
        return;
    case SECRET_REFUSE:
        gateway_answer(g, r, &source, "", RESULT_UNSIGNED);
        return;
    case SECRET_ASK:
        if (!w->asked && store_secrets_ask(w->shopify->secrets, w->domain, on_secret_asked, r)) {
            w->asked = true;
            return;
        }
        break;
    case SECRET_CANNOT_TELL:
        break;
    }
    gateway_answer(g, r, &source, "", RESULT_UNKNOWABLE);
}

static void on_secret_asked(void *ctx, bool ok)
{
    struct http_request *r = ctx;
    struct webhook *w = http_scratch(r, sizeof *w);

    /* Without its connection the request has no headers any more, and nobody hears the answer. */
    if (!ok || http_header(r, "X-Shopify-Hmac-Sha256") == NULL)
        gateway_answer(w->shopify->gateway, r, &source, "", RESULT_UNKNOWABLE);
    else
        try_store_secret(w, r);
}

static void on_webhook(void *ctx, struct http_request *r)
{
    struct shopify *s = ctx;
    struct webhook *w = http_scratch(r, sizeof *w);
    const char *body;
    size_t len;

    if (w == NULL) {
        gateway_answer(s->gateway, r, &source, "", RESULT_UNAVAILABLE);
        return;
    }
    w->shopify = s;
    if (!signature_decode(w->mac, http_header(r, "X-Shopify-Hmac-Sha256"))) {
        gateway_answer(s->gateway, r, &source, "", RESULT_UNSIGNED);
        return;
    }
    if (!shop_domain(w->domain, http_header(r, "X-Shopify-Shop-Domain")))
        w->domain[0] = '\0';
    body = http_body(r, &len);
    if (signature_of_app(&s->app, w->mac, body, len))
        accept_webhook(w, r);
    else
        try_store_secret(w, r);
}

struct shopify *shopify_open(struct gateway *g, struct door *door, const struct config *config,
                             struct store_secrets *secrets)
{
    struct shopify *s = calloc(1, sizeof *s);

    if (s == NULL || !signatures_init(&s->app, CONFIG_TEXT(config, SHOPIFY_API_SECRET))) {
        log_error("gateway cannot start", "setting", "RINGBACK_SHOPIFY_API_SECRET", "reason",
                  "more than 8 secrets", NULL);
        free(s);
        return NULL;
    }
    if (s->app.n == 0)
        log_warn("no RINGBACK_SHOPIFY_API_SECRET: webhooks of the app are refused with 401", NULL);
    s->gateway = g;
    s->secrets = secrets;
    door_route(door, "POST", "/webhooks/shopify", (size_t)CONFIG_NUMBER(config, MAX_BODY),
               on_webhook, s);
    return s;
}

void shopify_free(struct shopify *s)
{
    signatures_free(&s->app);
    free(s);
}
