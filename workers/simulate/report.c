#include "simulate/report.h"

#include <string.h>

#include "simulate/body.h"

#define LLU(n) ((unsigned long long)(n))

enum { MONEY_SIZE = 32 };

static const char *money(char out[MONEY_SIZE], int64_t hundredths)
{
    snprintf(out, MONEY_SIZE, "%lld.%02d", (long long)(hundredths / 100), (int)(hundredths % 100));
    return out;
}

static double ms(const struct histogram *h, double p)
{
    return (double)histogram_percentile(h, p) / 1000;
}

/* Everything but the money, which has a currency per store. */
static struct sim_totals sum_of(const struct report *r)
{
    struct sim_totals sum = {0};

    for (unsigned i = 0; i < r->options->n_stores; i++) {
        const struct sim_totals *t = &r->stores[i];
        sum.events += t->events;
        sum.orders += t->orders;
        sum.orders_deleted += t->orders_deleted;
        sum.orders_cancelled += t->orders_cancelled;
        sum.items += t->items;
        sum.customers += t->customers;
        sum.products += t->products;
        sum.variants += t->variants;
        sum.checkouts += t->checkouts;
        sum.carts_abandoned += t->carts_abandoned;
        sum.carts_recovered += t->carts_recovered;
        sum.carts_expired += t->carts_expired;
        sum.carts_never += t->carts_never;
        for (unsigned k = 0; k < 3; k++) {
            sum.payment[k] += t->payment[k];
            sum.orders_trigger[k] += t->orders_trigger[k];
            sum.carts_trigger[k] += t->carts_trigger[k];
        }
        for (unsigned k = 0; k < 5; k++)
            sum.financial[k] += t->financial[k];
        for (unsigned k = 0; k < 4; k++)
            sum.fulfillment[k] += t->fulfillment[k];
    }
    return sum;
}

/* ---- for people ---- */

static void text_latency(FILE *out, const char *what, const struct histogram *h)
{
    fprintf(out, "%-11s p50 %.1f ms, p95 %.1f ms, p99 %.1f ms, max %.1f ms\n", what, ms(h, 0.5),
            ms(h, 0.95), ms(h, 0.99), (double)h->max / 1000);
}

void report_text_counts(FILE *out, const char *what, const uint64_t *counts,
                        const char *const *names, unsigned n)
{
    fprintf(out, "  %-12s", what);
    for (unsigned i = 0; i < n; i++)
        fprintf(out, "%s%s %llu", i == 0 ? "" : ", ", names[i], LLU(counts[i]));
    fputc('\n', out);
}

static void text_stores(FILE *out, const struct report *r)
{
    char amount[MONEY_SIZE], revenue[MONEY_SIZE];

    fprintf(out, "  %-34s %8s %8s %18s %9s %9s %9s %16s\n", "store", "orders", "cod",
            "total amount", "abandoned", "recovered", "never", "recovered value");
    for (unsigned i = 0; i < r->options->n_stores; i++) {
        const struct sim_totals *t = &r->stores[i];
        fprintf(out, "  %-34s %8llu %8llu %14s %s %9llu %9llu %9llu %12s %s\n", t->domain,
                LLU(t->orders), LLU(t->payment[0]), money(amount, t->total_amount), t->currency,
                LLU(t->carts_abandoned), LLU(t->carts_recovered), LLU(t->carts_never),
                money(revenue, t->revenue_recovered), t->currency);
    }
}

void report_text(FILE *out, const struct report *r)
{
    const struct drive_result *d = r->result;
    struct sim_totals t = sum_of(r);
    char from[SIM_TIME_SIZE], to[SIM_TIME_SIZE];

    sim_time_text(from, r->options->start_us / 1000000, 0);
    sim_time_text(to, (r->options->start_us + r->options->span_us) / 1000000, 0);
    fprintf(out, "simulated   %s to %s, %u stores, seed %llu%s\n", from, to, r->options->n_stores,
            LLU(r->options->seed), d->interrupted ? ", interrupted" : "");
    fprintf(out,
            "events      %llu, %llu deliveries acknowledged, %llu duplicates, %llu retries in %.1f "
            "s (%.0f/s)\n",
            LLU(d->events), LLU(d->acknowledged), LLU(d->duplicates), LLU(d->retries), d->seconds,
            d->seconds > 0 ? (double)d->acknowledged / d->seconds : 0.0);
    text_latency(out, "gateway", &d->latency);
    if (d->lateness.n > 0)
        text_latency(out, "own delay", &d->lateness);
    if (r->n_watches > 0) {
        text_latency(out, "dashboard", &d->board.latency);
        fprintf(out,
                "            (from sending an order's first event to its row on a websocket; %llu "
                "orders, %llu unseen)\n",
                LLU(d->board.latency.n), LLU(d->board.orders.unseen));
    }
    fprintf(out, "\nWhat must be in the database once everything is processed:\n");
    fprintf(out, "  orders      %llu with %llu items; %llu deleted, %llu cancelled\n",
            LLU(t.orders), LLU(t.items), LLU(t.orders_deleted), LLU(t.orders_cancelled));
    report_text_counts(out, "payment", t.payment, sim_payment_names, 3);
    report_text_counts(out, "financial", t.financial, sim_financial_names, 5);
    report_text_counts(out, "fulfilment", t.fulfillment, sim_fulfillment_names, 4);
    report_text_counts(out, "callable", t.orders_trigger, sim_trigger_names, 3);
    fprintf(out,
            "  carts       %llu abandoned, %llu recovered, %llu expired; %llu checkouts never "
            "became one\n",
            LLU(t.carts_abandoned), LLU(t.carts_recovered), LLU(t.carts_expired),
            LLU(t.carts_never));
    report_text_counts(out, "callable", t.carts_trigger, sim_trigger_names, 3);
    fprintf(out, "  catalogue   %llu products, %llu variants, %llu customers\n\n", LLU(t.products),
            LLU(t.variants), LLU(t.customers));
    text_stores(out, r);
    report_calls_text(out, r);
}

/* ---- for scripts ---- */

void report_json_counts(FILE *out, const char *key, const uint64_t *counts,
                        const char *const *names, unsigned n)
{
    fprintf(out, ",\"%s\":{", key);
    for (unsigned i = 0; i < n; i++)
        fprintf(out, "%s\"%s\":%llu", i == 0 ? "" : ",", names[i], LLU(counts[i]));
    fputc('}', out);
}

static void json_totals(FILE *out, const struct sim_totals *t)
{
    fprintf(
        out,
        "\"events\":%llu,\"orders\":%llu,\"cod_orders\":%llu,\"orders_deleted\":%llu,\"orders_"
        "cancelled\":%llu,"
        "\"items\":%llu,\"customers\":%llu,\"products\":%llu,\"variants\":%llu,\"checkouts\":%llu,"
        "\"carts_abandoned\":%llu,\"carts_recovered\":%llu,\"carts_expired\":%llu,\"carts_never\":%"
        "llu",
        LLU(t->events), LLU(t->orders), LLU(t->payment[0]), LLU(t->orders_deleted),
        LLU(t->orders_cancelled), LLU(t->items), LLU(t->customers), LLU(t->products),
        LLU(t->variants), LLU(t->checkouts), LLU(t->carts_abandoned), LLU(t->carts_recovered),
        LLU(t->carts_expired), LLU(t->carts_never));
    report_json_counts(out, "payment_type", t->payment, sim_payment_names, 3);
    report_json_counts(out, "financial_status", t->financial, sim_financial_names, 5);
    report_json_counts(out, "fulfillment_status", t->fulfillment, sim_fulfillment_names, 4);
    report_json_counts(out, "orders_trigger_ready", t->orders_trigger, sim_trigger_names, 3);
    report_json_counts(out, "carts_trigger_ready", t->carts_trigger, sim_trigger_names, 3);
}

/* Sums of one kind of money over all stores, by currency. */
static void json_money(FILE *out, const char *key, const struct report *r, bool revenue)
{
    char text[MONEY_SIZE];
    unsigned printed = 0;

    fprintf(out, ",\"%s\":{", key);
    for (unsigned i = 0; i < r->options->n_stores; i++) {
        const char *currency = r->stores[i].currency;
        int64_t sum = 0;
        bool first = true;
        for (unsigned k = 0; k < r->options->n_stores; k++) {
            if (strcmp(r->stores[k].currency, currency) != 0)
                continue;
            first = first && k >= i;
            sum += revenue ? r->stores[k].revenue_recovered : r->stores[k].total_amount;
        }
        if (first)
            fprintf(out, "%s\"%s\":\"%s\"", printed++ == 0 ? "" : ",", currency, money(text, sum));
    }
    fputc('}', out);
}

static void json_latency(FILE *out, const char *key, const struct histogram *h)
{
    fprintf(out, ",\"%s\":{\"p50\":%.3f,\"p95\":%.3f,\"p99\":%.3f,\"max\":%.3f,\"samples\":%llu}",
            key, ms(h, 0.5), ms(h, 0.95), ms(h, 0.99), (double)h->max / 1000, LLU(h->n));
}

static void json_watches(FILE *out, const struct report *r)
{
    const struct drive_result *d = r->result;

    json_latency(out, "dashboard_ms", &d->board.latency);
    fprintf(out, ",\"dashboard_unseen\":%llu,\"dashboards\":[", LLU(d->board.orders.unseen));
    for (unsigned i = 0; i < r->n_watches; i++)
        fprintf(out, "%s{\"updates\":%llu,\"orders\":%llu,\"carts\":%llu}", i == 0 ? "" : ",",
                LLU(d->watches[i].updates), LLU(d->watches[i].orders), LLU(d->watches[i].carts));
    fputc(']', out);
}

static void json_stores(FILE *out, const struct report *r)
{
    char text[MONEY_SIZE];

    fputs(",\"stores\":[", out);
    for (unsigned i = 0; i < r->options->n_stores; i++) {
        const struct sim_totals *t = &r->stores[i];
        fprintf(out, "%s{\"domain\":\"%s\",\"currency\":\"%s\",", i == 0 ? "" : ",", t->domain,
                t->currency);
        json_totals(out, t);
        fprintf(out, ",\"total_amount\":\"%s\"", money(text, t->total_amount));
        fprintf(out, ",\"revenue_recovered\":\"%s\"}", money(text, t->revenue_recovered));
    }
    fputc(']', out);
}

void report_json(FILE *out, const struct report *r)
{
    const struct drive_result *d = r->result;
    struct sim_totals t = sum_of(r);
    char start[SIM_TIME_SIZE], now[SIM_TIME_SIZE];

    sim_time_text(start, r->options->start_us / 1000000, 0);
    sim_time_text(now, r->now_us / 1000000, 0);
    fprintf(
        out,
        "{\"complete\":%s,\"interrupted\":%s,\"seed\":%llu,\"start\":\"%s\",\"as_of\":\"%s\","
        "\"seconds\":%.3f,"
        "\"sent\":%llu,\"acknowledged\":%llu,\"duplicates\":%llu,\"retries\":%llu,\"refused\":%llu",
        d->complete ? "true" : "false", d->interrupted ? "true" : "false", LLU(r->options->seed),
        start, now, d->seconds, LLU(d->sent), LLU(d->acknowledged), LLU(d->duplicates),
        LLU(d->retries), LLU(d->refused));
    json_latency(out, "latency_ms", &d->latency);
    json_latency(out, "lateness_ms", &d->lateness);
    if (r->n_watches > 0)
        json_watches(out, r);
    fputs(",\"totals\":{", out);
    json_totals(out, &t);
    json_money(out, "total_amount", r, false);
    json_money(out, "revenue_recovered", r, true);
    fputc('}', out);
    json_stores(out, r);
    report_calls_json(out, r);
    fputs("}\n", out);
}
