/* dev-mock empties the store: admin and Butler are made afresh in the same transaction, with ids 1 and 2. */
#include "../users.h"

/* Nothing that was known about anybody's credentials counts any more. dev-mock itself closes the sockets. */
static sw_status forget_all(sw_tx *tx)
{
    sw_rows *rows;

    SW_TRY(store_each_id(sw_tx_db(tx), 0, INT64_MAX, &rows));
    while (sw_rows_next(rows))
        sw_tx_user_changed(tx, sw_rows_int(rows, 0), false);
    return sw_rows_done(rows);
}

sw_status on_store_reset(sw_tx *tx, const void *data)
{
    const users_state *state = sw_tx_state(tx);

    (void)data;
    if (!state->resettable) {
        sw_request *req = sw_tx_request(tx);
        return req ? sw_fail(req, SW_INTERNAL, NULL, "initial admin is not configured") : SW_INTERNAL;
    }
    SW_TRY(forget_all(tx));
    SW_TRY(store_clear(tx));
    return first_users_add(tx, state);
}
