/* Bodies of products, customers and shops. */
#include <stdio.h>

#include "simulate/locale.h"
#include "simulate/world.h"

static void variant(struct sim *s, const struct product *p, unsigned i)
{
    struct body *b = &s->body;
    char sku[48];

    snprintf(sku, sizeof sku, "SKU-%u-%s", p->number, sim_sizes[i]);
    body_open(b, NULL, '{');
    body_id(b, "ProductVariant", sim_variant_id(p, i));
    body_int(b, "product_id", p->id);
    body_int(b, "position", i + 1);
    body_text(b, "title", sim_sizes[i]);
    body_text(b, "option1", sim_sizes[i]);
    body_text(b, "sku", sku);
    body_money(b, "price", p->price);
    body_money(b, "compare_at_price", p->price + 1500);
    body_int(b, "inventory_quantity", (uint64_t)(20 + p->revision));
    body_int(b, "old_inventory_quantity", (uint64_t)(20 + p->revision));
    body_time(s, p->store, "created_at", p->created_s);
    body_time(s, p->store, "updated_at", p->updated_s);
    body_raw(b, "\"barcode\":null,\"inventory_policy\":\"deny\",\"option2\":null,\"option3\":null,"
                "\"taxable\":true,"
                "\"image_id\":null,\"inventory_item_id\":48861234567");
    body_close(b, '}');
}

void body_product(struct sim *s, const struct product *p)
{
    struct body *b = &s->body;
    char title[80], url[200];

    body_begin(s);
    body_open(b, NULL, '{');
    body_id(b, "Product", p->id);
    body_text(b, "title", sim_product_title(p->number, title, sizeof title));
    body_text(
        b, "body_html",
        "<p>Made by hand & with care; <b>machine washable</b>.</p>\n<ul><li>Natural fibres</li>"
        "<li>Ships in 2/3 days</li><li>Éclair, crème & café colours</li></ul>\n<p>Care: wash "
        "cold, dry in the shade, iron warm. Sizes run true; if you are between two, take the "
        "larger "
        "one. Returns are free for thirty days, unworn and with the label on. Dyes are tested and "
        "free of azo compounds, buttons are of coconut shell, thread is recycled.</p>\n"
        "<table><tr><td>Chest</td><td>92</td><td>96</td><td>100</td></tr><tr><td>Length</td>"
        "<td>70</td><td>72</td><td>74</td></tr><tr><td>Sleeve</td><td>61</td><td>62</td><td>63"
        "</td></tr></table>\n<p>जल्दी सूखता है · 手工製作</p>");
    body_text(b, "vendor", "Maker & Sons");
    body_text(b, "product_type", p->number % 2 == 0 ? "Accessories" : "Clothing");
    body_time(s, p->store, "created_at", p->created_s);
    body_time(s, p->store, "updated_at", p->updated_s);
    body_time(s, p->store, "published_at", p->created_s);
    body_text(b, "status",
              p->number % 9 == 0    ? "draft"
              : p->number % 10 == 0 ? "archived"
                                    : "active");
    body_text(b, "tags", "summer, new in, hand-made");
    body_raw(b, "\"template_suffix\":null,\"published_scope\":\"web\",\"options\":[{\"id\":1,"
                "\"name\":\"Size\",\"position\":1}]");
    body_open(b, "variants", '[');
    for (unsigned i = 0; i < p->variants; i++)
        variant(s, p, i);
    body_close(b, ']');
    body_open(b, "images", '[');
    for (unsigned i = 0; i < 3; i++) {
        snprintf(url, sizeof url, "https://cdn.example.com/s/files/1/%u/%u.jpg?v=%u&w=800",
                 p->number, i, p->revision);
        body_open(b, NULL, '{');
        body_int(b, "id", p->id + 100 + i);
        body_int(b, "position", i + 1);
        body_text(b, "src", url);
        body_raw(b, "\"alt\":null,\"width\":800,\"height\":800,\"variant_ids\":[]");
        body_close(b, '}');
    }
    body_close(b, ']');
    body_close(b, '}');
}

static void id_only(struct sim *s, uint64_t id)
{
    body_begin(s);
    body_open(&s->body, NULL, '{');
    body_int(&s->body, "id", id);
    body_close(&s->body, '}');
}

void body_product_deleted(struct sim *s, const struct product *p)
{
    id_only(s, p->id);
}

void body_customer(struct sim *s, const struct customer *c)
{
    struct body *b = &s->body;

    body_begin(s);
    body_open(b, NULL, '{');
    body_customer_of(s, c->number - 1, true);
    body_raw(b, "\"orders_count\":0,\"total_spent\":\"0.00\",\"last_order_id\":null,\"last_order_"
                "name\":null,\"addresses\":[]");
    body_close(b, '}');
}

void body_customer_deleted(struct sim *s, const struct customer *c)
{
    struct body *b = &s->body;

    body_begin(s);
    body_open(b, NULL, '{');
    body_id(b, "Customer", c->id);
    body_raw(b, "\"tax_exemptions\":[]");
    body_close(b, '}');
}

void body_shop(struct sim *s, const struct store *t)
{
    struct body *b = &s->body;
    uint32_t store = (uint32_t)(t - s->stores);

    body_begin(s);
    body_open(b, NULL, '{');
    body_int(b, "id", t->shop_id);
    body_text(b, "name", t->domain);
    body_text(b, "myshopify_domain", t->domain);
    body_text(b, "domain", t->domain);
    body_text(b, "email", "owner@example.com");
    body_text(b, "country", t->locale->country_code);
    body_text(b, "country_code", t->locale->country_code);
    body_text(b, "country_name", t->locale->country);
    body_text(b, "currency", t->locale->currency);
    body_text(b, "iana_timezone", t->locale->zone);
    body_time(s, store, "created_at", sim_now_s(s) - INT64_C(400) * 86400);
    body_time(s, store, "updated_at", sim_now_s(s));
    body_raw(b, "\"primary_locale\":\"en\",\"money_format\":\"{{amount}}\",\"weight_unit\":\"kg\","
                "\"taxes_included\":false,"
                "\"plan_name\":\"basic\",\"has_storefront\":true,\"setup_required\":false,"
                "\"password_enabled\":false");
    body_close(b, '}');
}
