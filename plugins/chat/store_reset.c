/* store.reset: every row goes, ids start again at 1, and memory forgets all. In the write step of the reset. */
#include "approvals/approvals.h"
#include "store.h"

const char SQL_CLEAR_ROWS[] = "DELETE FROM chat";
const char SQL_CLEAR_PRUNED[] = "DELETE FROM chat_pruned";
const char SQL_CLEAR_THREADS[] = "DELETE FROM chat_threads";
const char SQL_CLEAR_PAIRS[] = "DELETE FROM chat_pairs";
const char SQL_CLEAR_APPROVALS[] = "DELETE FROM chat_approvals";
const char SQL_CLEAR_IDS[] = "DELETE FROM sqlite_sequence WHERE name IN ('chat', 'chat_threads', 'chat_approvals')";

static sw_status clear(sw_tx *tx)
{
    static const statement_id ALL[] = {ST_CLEAR_ROWS,  ST_CLEAR_PRUNED,    ST_CLEAR_THREADS,
                                       ST_CLEAR_PAIRS, ST_CLEAR_APPROVALS, ST_CLEAR_IDS};

    for (size_t i = 0; i < sizeof ALL / sizeof ALL[0]; i++)
        SW_TRY(EXEC(tx, ALL[i], NULL, ""));
    return SW_OK;
}

static void forget_approvals(void *state, void *arg)
{
    (void)state;
    const chat *c = arg;

    delivery_clear(c->delivery);
    late_status_clear(c->late_status);
}

sw_status on_store_reset(sw_tx *tx, const void *data)
{
    chat *c = sw_tx_state(tx);

    (void)data;
    SW_TRY(clear(tx));
    sw_tx_on_commit(tx, forget_approvals, c);
    return cache_clear_later(c->cache, tx);
}
