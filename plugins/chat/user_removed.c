/* The event user.removed: memory forgets the user, and requests that it was asked, or that it would have run, expire.
 * In the write step of the removal. */
#include "approvals/approvals.h"

sw_status on_user_removed(sw_tx *tx, const void *data)
{
    const sw_user_event *event = data;
    chat *c = sw_tx_state(tx);

    SW_TRY(cache_forget_later(c->cache, tx, (cache_key){CACHE_USER, event->user_id, 0}));
    return expire_of_user(c, tx, event->user_id);
}
