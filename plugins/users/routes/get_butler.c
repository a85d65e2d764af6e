/* GET /api/users/butler: the butler's user object. */
#include "../users.h"

sw_status get_butler(sw_request *req)
{
    const users_state *state = sw_request_state(req);
    sw_user butler;
    sw_rows *row;

    sw_status found = store_butler(sw_request_db(req), &butler);
    if (found == SW_OK)
        found = store_profile(sw_request_db(req), butler.id, &row);
    if (found == SW_NOT_FOUND)
        return sw_fail(req, SW_NOT_FOUND, NULL, "butler not found");
    SW_TRY(found);
    if (sw_rows_next(row))
        user_write(sw_reply_json(req, 200), NULL, row, state->host, caller_is_human(req), NULL);
    return sw_rows_done(row);
}
