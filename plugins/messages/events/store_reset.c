/* store.reset: everything goes, in the transaction of who asked for it; ids begin at 1 again. */
#include "../messages.h"
#include "../store.h"

sw_status on_store_reset(sw_tx *tx, const void *data)
{
    (void)data;
    return store_clear(tx);
}
