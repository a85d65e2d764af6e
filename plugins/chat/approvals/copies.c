/* What one human is asked, every other ADMIN may decide too. Each gets a copy of the request in a thread of its own
 * with who asks: the one where it spoke last, else its default thread. Which one is noted, since the page that got the
 * copy looks for it there later. Requests from before such notes, or from before this one was an ADMIN, are in its
 * default thread, which is made when there is none. Reading works on any connection, writing in a write step. */
#include "approvals/approvals.h"

enum { COPY_ADD, COPY_MARK, COPY_THREAD, COPIES_AFTER, COPIES_PRUNE, NEWEST_REQUEST };

static const sw_statement STATEMENTS[] = {
    [COPY_ADD] = {.name = "copy_add",
                  .sql = "INSERT INTO chat_copies (chat_id, admin_id, thread_id) VALUES (?1, ?2, ?3)"},
    [COPY_MARK] = {.name = "copy_mark",
                   .sql = "UPDATE chat_pairs SET copies_after = ?3 - 1"
                          " WHERE owner_id = ?1 AND peer_id = ?2 AND copies_after IS NULL"},
    [COPY_THREAD] = {.name = "copy_thread",
                     .sql = "SELECT thread_id FROM chat_copies WHERE chat_id = ?1 AND admin_id = ?2"},
    [COPIES_AFTER] = {.name = "copies_after",
                      .sql = "SELECT copies_after FROM chat_pairs WHERE owner_id = ?1 AND peer_id = ?2"},
    [COPIES_PRUNE] = {.name = "copies_prune", .sql = "DELETE FROM chat_copies WHERE chat_id <= ?1"},
    [NEWEST_REQUEST] = {.name = "newest_request",
                        .sql = "SELECT at_ms FROM chat WHERE type = 'AUTH_REQUEST' AND sender_id = ?1"
                               " ORDER BY id DESC LIMIT 1"},
};

const sw_table COPY_STATEMENTS = SW_TABLE(STATEMENTS);

/* The first column of the only row; `fallback` when there is none, or it is NULL. */
static sw_status number(sw_status begun, sw_rows *rows, int64_t fallback, int64_t *ret)
{
    SW_TRY(begun);
    int64_t value = sw_rows_next(rows) && !sw_rows_null(rows, 0) ? sw_rows_int(rows, 0) : fallback;
    SW_TRY(sw_rows_done(rows));
    *ret = value;
    return SW_OK;
}

/* Where those without a note are. */
static sw_status home_of(sw_db *db, int64_t admin_id, int64_t butler_id, int64_t *ret)
{
    int64_t first = 0, latest = 0;

    SW_TRY(pair_get(db, admin_id, butler_id, &first, &latest));
    *ret = first ? first : latest;
    return SW_OK;
}

sw_status copy_put(const chat *c, sw_tx *tx, const approval *a, int64_t admin_id, int64_t *ret_thread)
{
    SW_TRY(conversation_latest(c, tx, admin_id, a->butler_id, sw_role_of(a->requester_role), ret_thread));
    SW_TRY(thread_touch(tx, *ret_thread, sw_tx_now(tx)));
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[COPY_ADD], NULL, "iii", a->chat_id, admin_id, *ret_thread));
    return sw_tx_exec(tx, &STATEMENTS[COPY_MARK], NULL, "iii", admin_id, a->butler_id, a->chat_id);
}

sw_status copy_thread(sw_db *db, int64_t chat_id, int64_t admin_id, int64_t butler_id, int64_t *ret)
{
    sw_rows *rows = NULL;
    sw_status begun = sw_db_query(db, &STATEMENTS[COPY_THREAD], 0, &rows, "ii", chat_id, admin_id);

    SW_TRY(number(begun, rows, 0, ret));
    return *ret ? SW_OK : home_of(db, admin_id, butler_id, ret);
}

sw_status copies_unnoted(sw_db *db, const thread_row *t, int64_t *ret_to)
{
    int64_t home = 0;
    sw_rows *rows = NULL;

    *ret_to = 0;
    SW_TRY(home_of(db, t->owner_id, t->peer_id, &home));
    if (home != t->id)
        return SW_OK;
    sw_status begun = sw_db_query(db, &STATEMENTS[COPIES_AFTER], 0, &rows, "ii", t->owner_id, t->peer_id);
    return number(begun, rows, INT64_MAX - 1, ret_to);
}

sw_status copies_prune(sw_tx *tx, int64_t to)
{
    return sw_tx_exec(tx, &STATEMENTS[COPIES_PRUNE], NULL, "i", to);
}

/* ---- one who became an ADMIN later: what was asked before has a thread as well. Nothing is made while nothing was
 * asked ---- */

static sw_status welcome(const chat *c, sw_tx *tx, int64_t admin_id)
{
    sw_user butler = {.size = sizeof butler};
    int64_t asked_ms = 0, home = 0;
    sw_rows *rows = NULL;
    sw_status found = c->users->butler(c->users_self, sw_tx_db(tx), &butler);

    if (found != SW_OK)
        return found == SW_NOT_FOUND ? SW_OK : found;
    sw_status begun = sw_db_query(sw_tx_db(tx), &STATEMENTS[NEWEST_REQUEST], 0, &rows, "i", butler.id);
    SW_TRY(number(begun, rows, 0, &asked_ms));
    if (!asked_ms)
        return SW_OK;
    SW_TRY(home_of(sw_tx_db(tx), admin_id, butler.id, &home));
    if (home)
        return SW_OK;
    SW_TRY(conversation_default(c, tx, admin_id, butler.id, SW_ROLE_BUTLER, &home));
    return thread_touch(tx, home, asked_ms);
}

sw_status on_user_ranked(sw_tx *tx, const void *data)
{
    const sw_user_event *event = data;

    return event->role == SW_ROLE_ADMIN ? welcome(sw_tx_state(tx), tx, event->user_id) : SW_OK;
}

sw_status copies_prepare(sw_tx *tx)
{
    const chat *c = sw_tx_state(tx);
    const int64_t *admins = NULL;
    size_t count = 0;

    SW_TRY(deliver_admins(c, tx, &admins, &count));
    for (size_t i = 0; i < count; i++)
        SW_TRY(welcome(c, tx, admins[i]));
    return SW_OK;
}
