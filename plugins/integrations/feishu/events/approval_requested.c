/* Every authorization request goes out as a card. */
#include "feishu.h"

sw_status on_approval_requested(sw_tx *tx, const void *data)
{
    return outbox_card(sw_tx_state(tx), tx, data);
}
