/* Decided somewhere, or expired: the card tells. */
#include "feishu.h"

sw_status on_approval_decided(sw_tx *tx, const void *data)
{
    return outbox_result(sw_tx_state(tx), tx, data);
}
