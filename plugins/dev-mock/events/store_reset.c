/* store.reset: this plugin's own table goes like everybody's. */
#include "../dev_mock.h"

sw_status on_store_reset(sw_tx *tx, const void *data)
{
    (void)data;
    return store_clear(tx);
}
