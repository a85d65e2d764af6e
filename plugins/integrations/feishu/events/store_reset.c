/* store.reset: no connector any more, so the connection ends too. */
#include "store.h"

sw_status on_store_reset(sw_tx *tx, const void *data)
{
    (void)data;
    SW_TRY(store_clear(tx));
    supervise_changed_later(tx);
    return SW_OK;
}
