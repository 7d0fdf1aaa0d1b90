#include "shopify/line_items.h"

#include <stdio.h>

#include "base/json_out.h"

static bool quantity_of(struct reader *in, const struct json *line, int32_t *quantity)
{
    if (!reader_int(in, line, "quantity", quantity))
        return false;
    if (*quantity < 0) {
        reader_fail(in, "quantity", "is negative");
        return false;
    }
    return true;
}

static void order_line(struct reader *in, const struct json *line, struct text id,
                       const struct version *version)
{
    struct rows *out = in->out;
    int32_t quantity;

    rows_begin(out, ROWSET_order_items);
    rows_uuid(out, COL_order_items_integration_id, in->ev->shop->integration_id);
    rows_text(out, COL_order_items_external_order_id, id);
    rows_int(out, COL_order_items_position, (int64_t)in->index);
    rows_text(out, COL_order_items_external_line_item_id, reader_id(in, line, "id"));
    rows_text(out, COL_order_items_external_product_id, reader_id(in, line, "product_id"));
    rows_text(out, COL_order_items_external_variant_id, reader_id(in, line, "variant_id"));
    rows_text(out, COL_order_items_title, reader_text(in, line, "title"));
    rows_text(out, COL_order_items_variant_title, reader_text(in, line, "variant_title"));
    rows_text(out, COL_order_items_sku, reader_text(in, line, "sku"));
    if (quantity_of(in, line, &quantity))
        rows_int(out, COL_order_items_quantity, quantity);
    rows_text(out, COL_order_items_price, reader_money(in, line, "price"));
    rows_text(out, COL_order_items_total_discount, reader_money(in, line, "total_discount"));
    rows_text(out, COL_order_items_source_version, version->bytes);
}

void order_line_items(struct reader *in, struct text id, const struct version *version)
{
    const struct json *line = json_first(reader_array(in->body, "line_items"));

    in->list = "line_items";
    for (in->index = 0; line != NULL; line = json_next(line)) {
        if (json_type(line) != JSON_OBJECT)
            continue;
        order_line(in, line, id, version);
        in->index++;
    }
    in->list = NULL;
}

/* Returns its quantity. */
static int32_t checkout_line(struct reader *in, struct json_out *o, const struct json *line)
{
    char digits[16];
    struct text shown = TEXT_NULL;
    int32_t quantity = 0;

    if (quantity_of(in, line, &quantity))
        shown = (struct text){digits, (size_t)snprintf(digits, sizeof digits, "%d", quantity)};
    json_out_begin_object(o);
    json_out_text(o, "product_id", reader_id(in, line, "product_id"));
    json_out_text(o, "variant_id", reader_id(in, line, "variant_id"));
    json_out_text(o, "title", reader_text(in, line, "title"));
    json_out_text(o, "variant_title", reader_text(in, line, "variant_title"));
    json_out_raw(o, "quantity", shown);
    json_out_text(o, "price", reader_money(in, line, "price"));
    json_out_text(o, "total", reader_money(in, line, "line_price"));
    json_out_text(o, "image_url", reader_long_text(in, line, "image_url"));
    json_out_end_object(o);
    return shown.p == NULL ? 0 : quantity;
}

struct cart_items checkout_line_items(struct reader *in)
{
    const struct json *list = reader_array(in->body, "line_items");
    struct cart_items items = {.known = list != NULL};
    struct json_out o;
    int64_t count = 0;

    if (list == NULL)
        return items;
    json_out_open(&o, in->arena, '[');
    in->list = "line_items";
    in->index = 0;
    for (const struct json *line = json_first(list); line != NULL; line = json_next(line)) {
        if (json_type(line) != JSON_OBJECT)
            continue;
        count += checkout_line(in, &o, line);
        in->index++;
    }
    in->list = NULL;
    items.json = json_out_close(&o);
    if (count > INT32_MAX)
        reader_fail(in, "line_items", "hold more pieces than can be counted");
    else
        items.count = (int32_t)count;
    return items;
}
