/* Event user.removed: forgets the raw token of that user, in the transaction that removes the user. */
#include "../dev_mock.h"

sw_status on_user_removed(sw_tx *tx, const void *data)
{
    const sw_user_event *event = data;

    return store_token_remove(tx, event->user_id);
}
