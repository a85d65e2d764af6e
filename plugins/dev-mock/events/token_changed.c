/* Event token.changed: keeps the raw token, in the transaction that stores its hash. */
#include "../dev_mock.h"

sw_status on_token_changed(sw_tx *tx, const void *data)
{
    return store_token_put(tx, data);
}
