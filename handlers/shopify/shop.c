/* shop/update, app/uninstalled, app/scopes_update: what happens to the connected store itself. */
#include "base/json_out.h"
#include "handlers.h"
#include "shopify/buyer.h"
#include "shopify/version.h"

static void put_change(struct reader *in, struct text kind, int64_t at_us)
{
    struct version version = version_of(in, at_us, EVENT_NO_TIME);
    struct rows *out = in->out;

    rows_begin(out, ROWSET_shop_changes);
    rows_uuid(out, COL_shop_changes_integration_id, in->ev->shop->integration_id);
    rows_text(out, COL_shop_changes_kind, kind);
    rows_time(out, COL_shop_changes_source_updated_at, version.updated_us);
    rows_text(out, COL_shop_changes_source_version, version.bytes);
}

/* A setting that the body does not know must not overwrite one that we know: it is left out. */
static void put_setting(struct json_out *o, const char *key, struct text value)
{
    if (value.p != NULL)
        json_out_text(o, key, value);
}

enum verdict shop_updated(const struct event *ev, struct rows *out)
{
    struct reader in;
    struct json_out o;

    reader_open(&in, ev, out);
    put_change(&in, TEXT("update"), reader_time(&in, in.body, "updated_at"));
    rows_text(out, COL_shop_changes_name, reader_known(&in, in.body, "name"));
    rows_text(out, COL_shop_changes_external_store_id, reader_required_id(&in, in.body, "id"));
    json_out_open(&o, in.arena, '{');
    put_setting(&o, "currency", reader_currency(&in, in.body, "currency"));
    put_setting(&o, "country", address_country(&in, in.body));
    put_setting(&o, "iana_timezone", reader_known(&in, in.body, "iana_timezone"));
    rows_text(out, COL_shop_changes_settings, json_out_close(&o));
    return reader_close(&in);
}

/* The body is the shop; its updated_at tells when its settings changed, not when the app was
 * removed. */
enum verdict app_uninstalled(const struct event *ev, struct rows *out)
{
    struct reader in;

    reader_open(&in, ev, out);
    put_change(&in, TEXT("uninstalled"), version_moment(ev));
    rows_text(out, COL_shop_changes_external_store_id, reader_id(&in, in.body, "id"));
    return reader_close(&in);
}

/* {"previous":["read_orders"],"current":["read_orders","read_products"],"updated_at":...} */
enum verdict app_scopes_updated(const struct event *ev, struct rows *out)
{
    const struct json *scopes;
    struct reader in;
    struct json_out o;

    reader_open(&in, ev, out);
    scopes = reader_array(in.body, "current");
    if (scopes == NULL)
        reader_fail(&in, "current", "is not a list of scopes");
    put_change(&in, TEXT("scopes"), reader_time(&in, in.body, "updated_at"));
    json_out_open(&o, in.arena, '{');
    json_out_raw(&o, "scopes", json_raw(scopes, in.arena));
    rows_text(out, COL_shop_changes_settings, json_out_close(&o));
    return reader_close(&in);
}
