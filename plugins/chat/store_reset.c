/* store.reset: every row goes, ids start again at 1, and memory forgets all. */
#include "store.h"

static void forget_notices(void *state, void *arg)
{
    (void)state;
    notices_clear(arg);
}

sw_status on_store_reset(sw_tx *tx, const void *data)
{
    chat *c = sw_tx_state(tx);

    (void)data;
    SW_TRY(chat_clear(tx));
    sw_tx_on_commit(tx, forget_notices, c->notices);
    return cache_clear_later(c->cache, tx);
}
