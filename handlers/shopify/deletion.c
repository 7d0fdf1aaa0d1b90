#include "shopify/deletion.h"

#include "shopify/cart_keys.h"
#include "shopify/version.h"

enum verdict deletion(const struct event *ev, struct rows *out, struct text kind)
{
    struct reader in;

    reader_open(&in, ev, out);
    rows_begin(out, ROWSET_deletions);
    rows_uuid(out, COL_deletions_integration_id, ev->shop->integration_id);
    rows_text(out, COL_deletions_kind, kind);
    rows_text(out, COL_deletions_external_id, reader_required_id(&in, in.body, "id"));
    rows_uuid(out, COL_deletions_organization_id, ev->shop->organization_id);
    rows_time(out, COL_deletions_deleted_at, version_moment(ev));
    cart_keys(&in, TEXT_NULL, TEXT_NULL); /* an order that goes may take a recovery with it */
    return reader_close(&in);
}
