/* Presence in the store. Once a minute housekeeping notes everybody who is connected, a few hundred in each step, so
 * that after a crash the last minute is known. What happens when a socket opens or closes is in events/. */
#include "users.h"

enum { IDS_PER_STEP = 200 };

sw_status presence_note_online(sw_tx *tx, bool *ret_more)
{
    users_state *state = sw_tx_state(tx);
    int64_t online[IDS_PER_STEP];
    int64_t last = state->presence_cursor;
    size_t seen = 0, count = 0;
    sw_rows *rows;

    SW_TRY(store_each_id(sw_tx_db(tx), state->presence_cursor, IDS_PER_STEP, &rows));
    while (seen < IDS_PER_STEP && sw_rows_next(rows)) {
        last = sw_rows_int(rows, 0);
        seen++;
        if (sw_user_online(state->host, last))
            online[count++] = last;
    }
    SW_TRY(sw_rows_done(rows));
    for (size_t i = 0; i < count; i++)
        SW_TRY(store_note_seen(tx, online[i], sw_tx_now(tx)));
    *ret_more = seen == IDS_PER_STEP;
    state->presence_cursor = *ret_more ? last : 0;
    return SW_OK;
}
