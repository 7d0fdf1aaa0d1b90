#include "shopify/cart_keys.h"

void cart_keys(struct reader *in, struct text checkout_token, struct text cart_token)
{
    rows_begin(in->out, ROWSET_cart_keys);
    rows_uuid(in->out, COL_cart_keys_integration_id, in->ev->shop->integration_id);
    rows_text(in->out, COL_cart_keys_checkout_token, checkout_token);
    rows_text(in->out, COL_cart_keys_cart_token, cart_token);
}
