/* Event store.reset: removes everything, in the transaction of the plugin that asked for it. Ids begin at 1 again. */
#include "../messages.h"

sw_status on_store_reset(sw_tx *tx, const void *data)
{
    (void)data;
    return store_clear(tx);
}
