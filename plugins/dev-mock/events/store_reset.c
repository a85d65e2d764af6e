/* Event store.reset: empties this plugin's own table, as every plugin does. */
#include "../dev_mock.h"

sw_status on_store_reset(sw_tx *tx, const void *data)
{
    (void)data;
    return store_clear(tx);
}
