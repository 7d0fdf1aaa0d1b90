/* products/create, products/update, products/delete. */
#include "base/json_out.h"
#include "handlers.h"
#include "shopify/deletion.h"
#include "shopify/status.h"
#include "shopify/tags.h"
#include "shopify/variants.h"

/* URLs of images[], else of `image`; absent if the body has neither. */
static struct text images_json(struct reader *in)
{
    const struct json *list = reader_array(in->body, "images");
    const struct json *single = reader_object(in->body, "image");
    struct json_out o;
    unsigned n = 0;

    if (list == NULL && single == NULL)
        return TEXT_NULL;
    json_out_open(&o, in->arena, '[');
    for (const struct json *v = json_first(list); v != NULL; v = json_next(v)) {
        struct text url = reader_long_text(in, v, "src");
        if (url.p == NULL)
            continue;
        json_out_text(&o, NULL, url);
        n++;
    }
    if (n == 0 && single != NULL) {
        struct text url = reader_long_text(in, single, "src");
        if (url.p != NULL)
            json_out_text(&o, NULL, url);
    }
    return json_out_close(&o);
}

/* Bodies of other things (a variant, an inventory item) have an id too; stored, they would become
 * products of no name. */
static void require_product(struct reader *in)
{
    static const char *const signs[] = {"title",  "variants", "body_html", "vendor", "product_type",
                                        "status", "images",   "image",     "tags"};

    if (json_type(json_member(in->body, "product_id")) != JSON_ABSENT)
        reader_fail(in, "product_id", "shows that the body is part of a product, not one");
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        if (json_type(json_member(in->body, signs[i])) != JSON_ABSENT)
            return;
    }
    reader_fail(in, "title", "is missing, and so is everything else that a product has");
}

enum verdict product_changed(const struct event *ev, struct rows *out)
{
    struct reader in;
    struct version version;
    struct text id;
    int64_t created_us;
    unsigned n_variants;

    reader_open(&in, ev, out);
    id = reader_required_id(&in, in.body, "id");
    require_product(&in);
    created_us = reader_time(&in, in.body, "created_at");
    version = version_of(&in, reader_time(&in, in.body, "updated_at"), created_us);
    n_variants = product_variants(&in, id, &version);
    rows_begin(out, ROWSET_products);
    rows_uuid(out, COL_products_integration_id, ev->shop->integration_id);
    rows_text(out, COL_products_external_product_id, id);
    rows_uuid(out, COL_products_organization_id, ev->shop->organization_id);
    rows_text(out, COL_products_title, reader_known(&in, in.body, "title"));
    rows_text(out, COL_products_description, reader_long_text(&in, in.body, "body_html"));
    rows_text(out, COL_products_vendor, reader_known(&in, in.body, "vendor"));
    rows_text(out, COL_products_product_type, reader_known(&in, in.body, "product_type"));
    rows_text(out, COL_products_status, status_product(reader_text(&in, in.body, "status")));
    rows_text(out, COL_products_images, images_json(&in));
    rows_text(out, COL_products_tags, tags_json(&in, in.body, "tags"));
    if (n_variants > 0)
        rows_bool(out, COL_products_has_variants, true);
    rows_time(out, COL_products_source_updated_at, version.updated_us);
    rows_time(out, COL_products_source_triggered_at, version.triggered_us);
    rows_text(out, COL_products_source_version, version.bytes);
    return reader_close(&in);
}

enum verdict product_deleted(const struct event *ev, struct rows *out)
{
    return deletion(ev, out, TEXT("product"));
}
