/* Event store.reset: dev-mock empties the store. Admin and Butler are made again in the same transaction, with ids 1
 * and 2. */
#include "../users.h"

#include <string.h>

/* No token that anybody had counts any more. dev-mock itself closes the sockets. */
static sw_status forget_all(sw_tx *tx)
{
    sw_rows *rows;

    SW_TRY(store_each_id(sw_tx_db(tx), 0, INT64_MAX, &rows));
    while (sw_rows_next(rows))
        sw_tx_user_changed(tx, sw_rows_int(rows, 0), false);
    return sw_rows_done(rows);
}

/* Only a first password that was configured can be used again, and only development keeps its hash (first_users.c). */
static sw_status cannot(sw_tx *tx)
{
    sw_request *req = sw_tx_request(tx);
    bool possible = strcmp(sw_host_env(sw_tx_host(tx)), "development") == 0;

    if (!req)
        return SW_INTERNAL;
    return sw_fail(req, SW_INTERNAL, NULL,
                   possible ? "initial admin is not configured" : "the store is reset in development only");
}

sw_status on_store_reset(sw_tx *tx, const void *data)
{
    const users_state *state = sw_tx_state(tx);

    (void)data;
    if (!state->resettable)
        return cannot(tx);
    SW_TRY(forget_all(tx));
    SW_TRY(store_clear(tx));
    return first_users_add(tx, state);
}
