/* Presence in the store: when a user was last seen, and the latest report of an agent. It is noted when the first
 * socket of a minute opens, when the last one closes, and once a minute for everybody who is connected, so that after a
 * crash the last minute is known. Reads are on a worker, notes are write steps. */
#include "core/common/utf8.h"
#include "users.h"

#include <string.h>

enum { LAST_SEEN, NOTE_SEEN, NOTE_REPORT };

static const sw_statement STATEMENTS[] = {
    [LAST_SEEN] = {.name = "users_last_seen", .sql = "SELECT last_seen_ms FROM presence WHERE user_id = ?1"},
    /* A user who is gone by now, because of a removal or a reset of the store, gets no row. */
    [NOTE_SEEN] = {.name = "users_note_seen",
                   .sql = "INSERT INTO presence (user_id, last_seen_ms)"
                          " SELECT id, ?2 FROM users WHERE id = ?1 AND deleted_ms IS NULL ON CONFLICT (user_id)"
                          " DO UPDATE SET last_seen_ms = max(coalesce(last_seen_ms, 0), excluded.last_seen_ms)"},
    [NOTE_REPORT] = {.name = "users_note_report",
                     .sql = "INSERT INTO presence (user_id, last_report)"
                            " SELECT id, ?2 FROM users WHERE id = ?1 AND deleted_ms IS NULL ON CONFLICT (user_id)"
                            " DO UPDATE SET last_report = excluded.last_report"},
};

const sw_table PRESENCE_STATEMENTS = SW_TABLE(STATEMENTS);

static sw_status last_seen(sw_db *db, int64_t id, int64_t *ret_at_ms)
{
    sw_rows *rows = NULL;
    sw_status begun = sw_db_query(db, &STATEMENTS[LAST_SEEN], 0, &rows, "i", id);
    return store_one_number(begun, rows, ret_at_ms);
}

static sw_status note_seen(sw_tx *tx, int64_t id, int64_t at_ms)
{
    return sw_tx_exec(tx, &STATEMENTS[NOTE_SEEN], NULL, "ii", id, at_ms);
}

/* ---- the events socket.opened and socket.closed ---- */

static sw_status note(sw_tx *tx, void *arg)
{
    const sw_socket_event *event = arg;

    return note_seen(tx, event->user_id, event->at_ms);
}

enum { NOTE_EVERY_MS = 60 * 1000 };

/* Unless there is a note of the last minute, this is one. So a user who leaves soon after is never shown as one who was
 * not here. */
sw_status on_socket_opened(sw_request *req, const void *data)
{
    const sw_socket_event *event = data;
    sw_socket_event *kept = sw_alloc(req, 1, sizeof *kept);
    int64_t noted_ms;

    if (!kept)
        return SW_NO_MEMORY;
    SW_TRY(last_seen(sw_request_db(req), event->user_id, &noted_ms));
    if (event->at_ms - noted_ms < NOTE_EVERY_MS)
        return SW_OK;
    *kept = *event;
    return sw_write(req, note, kept);
}

sw_status on_socket_closed(sw_request *req, const void *data)
{
    const sw_socket_event *event = data;

    if (!event->last)
        return SW_OK;
    sw_socket_event *kept = sw_alloc(req, 1, sizeof *kept);
    if (!kept)
        return SW_NO_MEMORY;
    *kept = *event;
    return sw_write(req, note, kept);
}

/* ---- housekeeping, every minute: a few hundred users in each step ---- */

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
        SW_TRY(note_seen(tx, online[i], sw_tx_now(tx)));
    *ret_more = seen == IDS_PER_STEP;
    state->presence_cursor = *ret_more ? last : 0;
    return SW_OK;
}

/* ---- the service's note_report ---- */

/* Stores the first 1 KiB, cut where a character ends. */
sw_status presence_note_report(void *self, sw_tx *tx, int64_t id, const char *content)
{
    size_t len = strnlen(content, USERS_REPORT_MAX + 1);

    (void)self;
    return sw_tx_exec(tx, &STATEMENTS[NOTE_REPORT], NULL, "it", id, content, utf8_cut(content, len, USERS_REPORT_MAX));
}
