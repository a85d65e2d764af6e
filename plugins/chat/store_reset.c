/* The event store.reset: every row goes, ids start again at 1, and memory forgets everything. In the write step of the
 * reset. */
#include "approvals/approvals.h"

/* All of them run, in this order. */
static const sw_statement STATEMENTS[] = {
    {.name = "clear_rows", .sql = "DELETE FROM chat"},
    {.name = "clear_pruned", .sql = "DELETE FROM chat_pruned"},
    {.name = "clear_threads", .sql = "DELETE FROM chat_threads"},
    {.name = "clear_pairs", .sql = "DELETE FROM chat_pairs"},
    {.name = "clear_approvals", .sql = "DELETE FROM chat_approvals"},
    {.name = "clear_ids",
     .sql = "DELETE FROM sqlite_sequence WHERE name IN ('chat', 'chat_threads', 'chat_approvals')"},
};

const sw_table RESET_STATEMENTS = SW_TABLE(STATEMENTS);

static sw_status clear(sw_tx *tx)
{
    for (size_t i = 0; i < sizeof STATEMENTS / sizeof STATEMENTS[0]; i++)
        SW_TRY(sw_tx_exec(tx, &STATEMENTS[i], NULL, ""));
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
