/* orders/edited, refunds/create: they carry no order; the state they lead to comes with
 * orders/updated, which always follows. bulk_operations/finish: nobody starts one yet. */
#include "handlers.h"
#include "shopify/reader.h"

enum verdict acknowledged(const struct event *ev, struct rows *out)
{
    struct reader in;

    reader_open(&in, ev, out);
    return reader_close(&in) == VERDICT_STORE ? VERDICT_IGNORE : VERDICT_REJECT;
}
