#include "shopify/variants.h"

#include "base/decimal.h"

/* Only told, never calculated with, and gone from newer API versions: one that cannot be read is
 * left out. */
static struct text weight_of(struct reader *in, const struct json *variant)
{
    const struct json *v = json_member(variant, "weight");
    struct text source = json_type(v) == JSON_NUMBER ? json_number(v) : json_string(v, in->arena);
    struct text weight;

    return decimal_parse(source, in->arena, &weight) ? weight : TEXT_NULL;
}

static void variant_row(struct reader *in, const struct json *variant, struct text id,
                        struct text variant_id, const struct version *version)
{
    const struct json *ships = json_member(variant, "requires_shipping");
    struct rows *out = in->out;
    int32_t stock;

    rows_begin(out, ROWSET_product_variants);
    rows_uuid(out, COL_product_variants_integration_id, in->ev->shop->integration_id);
    rows_text(out, COL_product_variants_external_product_id, id);
    rows_int(out, COL_product_variants_position, (int64_t)in->index);
    rows_text(out, COL_product_variants_external_variant_id, variant_id);
    rows_text(out, COL_product_variants_title, reader_text(in, variant, "title"));
    rows_text(out, COL_product_variants_sku, reader_text(in, variant, "sku"));
    rows_text(out, COL_product_variants_price, reader_money(in, variant, "price"));
    rows_text(out, COL_product_variants_compare_at_price,
              reader_money(in, variant, "compare_at_price"));
    if (reader_int(in, variant, "inventory_quantity", &stock))
        rows_int(out, COL_product_variants_inventory_quantity, stock);
    if (json_type(ships) == JSON_BOOL)
        rows_bool(out, COL_product_variants_requires_shipping, json_true(ships));
    rows_text(out, COL_product_variants_weight, weight_of(in, variant));
    rows_text(out, COL_product_variants_weight_unit, reader_text(in, variant, "weight_unit"));
    rows_text(out, COL_product_variants_source_version, version->bytes);
}

unsigned product_variants(struct reader *in, struct text id, const struct version *version)
{
    const struct json *variant = json_first(reader_array(in->body, "variants"));

    in->list = "variants";
    for (in->index = 0; variant != NULL; variant = json_next(variant)) {
        struct text variant_id = reader_id(in, variant, "id");
        if (variant_id.p == NULL)
            continue;
        variant_row(in, variant, id, variant_id, version);
        in->index++;
    }
    in->list = NULL;
    return in->index;
}
