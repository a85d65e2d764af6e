/* Which rows make a page. Every query here is answered from an index alone (a test reads the plans), and unions are
 * merged lazily, so the cost of a page grows with its limit and not with the table. On any connection. */
#include "talk/talk.h"

#include <string.h>

enum {
    PAIR_NEWEST,
    PAIR_AFTER,
    BUTLER_NEWEST,
    BUTLER_AFTER,
    THREAD_NEWEST,
    THREAD_AFTER,
    BUTLER_THREAD_NEWEST,
    BUTLER_THREAD_AFTER,
    INBOX_HUMAN,
    INBOX_SYSTEM
};

static const sw_statement STATEMENTS[] = {
    [PAIR_NEWEST] =
        {.name = "ids_pair_newest",
         .sql = "SELECT id FROM chat WHERE pair_low = ?1 AND pair_high = ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4"},
    [PAIR_AFTER] =
        {.name = "ids_pair_after",
         .sql =
             "SELECT id FROM chat WHERE pair_low = ?1 AND pair_high = ?2 AND id < ?3 AND id > ?5 ORDER BY id LIMIT ?4"},
    [BUTLER_NEWEST] =
        {.name = "ids_butler_newest",
         .sql = "SELECT id FROM chat WHERE pair_low = ?1 AND pair_high = ?2 AND id < ?3"
                " UNION ALL SELECT id FROM chat WHERE type = 'AUTH_REQUEST' AND receiver_id <> ?6 AND id < ?3"
                " ORDER BY id DESC LIMIT ?4"},
    [BUTLER_AFTER] =
        {.name = "ids_butler_after",
         .sql =
             "SELECT id FROM chat WHERE pair_low = ?1 AND pair_high = ?2 AND id < ?3 AND id > ?5"
             " UNION ALL SELECT id FROM chat WHERE type = 'AUTH_REQUEST' AND receiver_id <> ?6 AND id < ?3 AND id > ?5"
             " ORDER BY id LIMIT ?4"},
    [THREAD_NEWEST] = {.name = "ids_thread_newest",
                       .sql = "SELECT id FROM chat WHERE conversation_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3"},
    [THREAD_AFTER] =
        {.name = "ids_thread_after",
         .sql = "SELECT id FROM chat WHERE conversation_id = ?1 AND id < ?2 AND id > ?4 ORDER BY id LIMIT ?3"},
    [BUTLER_THREAD_NEWEST] =
        {.name = "ids_butler_thread_newest",
         .sql = "SELECT id FROM chat WHERE conversation_id = ?1 AND id < ?2"
                " UNION ALL SELECT id FROM chat WHERE type = 'AUTH_REQUEST' AND receiver_id <> ?5 AND id < ?2"
                " ORDER BY id DESC LIMIT ?3"},
    [BUTLER_THREAD_AFTER] =
        {.name = "ids_butler_thread_after",
         .sql =
             "SELECT id FROM chat WHERE conversation_id = ?1 AND id < ?2 AND id > ?4"
             " UNION ALL SELECT id FROM chat WHERE type = 'AUTH_REQUEST' AND receiver_id <> ?5 AND id < ?2 AND id > ?4"
             " ORDER BY id LIMIT ?3"},
    [INBOX_HUMAN] = {.name = "ids_inbox_human",
                     .sql = "SELECT id FROM chat WHERE inbox_id = ?1 AND id > ?2"
                            " UNION ALL SELECT id FROM chat WHERE inbox_id = 0 AND id > ?2"
                            " UNION ALL SELECT id FROM chat WHERE own_id = ?1 AND id > ?2"
                            " ORDER BY id LIMIT ?3"},
    /* An agent never hears itself, so its own broadcasts (Butler's) are left out. */
    [INBOX_SYSTEM] = {.name = "ids_inbox_system",
                      .sql = "SELECT id FROM chat WHERE inbox_id = ?1 AND id > ?2"
                             " UNION ALL SELECT id FROM chat WHERE inbox_id = 0 AND id > ?2 AND sender_id <> ?1"
                             " ORDER BY id LIMIT ?3"},
};

const sw_table ID_STATEMENTS = SW_TABLE(STATEMENTS);

/* Runs a query whose only column is an id. */
static sw_status collect(sw_status begun, sw_rows *rows, int64_t *ret, size_t *ret_count, int64_t max)
{
    size_t count = 0;

    SW_TRY(begun);
    while ((int64_t)count < max && sw_rows_next(rows))
        ret[count++] = sw_rows_int(rows, 0);
    SW_TRY(sw_rows_done(rows));
    *ret_count = count;
    return SW_OK;
}

sw_status ids_of_pair(sw_db *db, int64_t a, int64_t b, const id_range *r, int64_t *ret, size_t *ret_count)
{
    sw_rows *rows = NULL;
    int64_t low = a < b ? a : b, high = a < b ? b : a;
    const sw_statement *which = &STATEMENTS[r->after >= 0 ? PAIR_AFTER : PAIR_NEWEST];
    sw_status begun = sw_db_query(db, which, 0, &rows, "iiiii", low, high, r->before, r->limit, r->after);
    return collect(begun, rows, ret, ret_count, r->limit);
}

sw_status ids_of_butler(sw_db *db, int64_t admin, int64_t butler, const id_range *r, int64_t *ret, size_t *ret_count)
{
    sw_rows *rows = NULL;
    int64_t low = admin < butler ? admin : butler, high = admin < butler ? butler : admin;
    const sw_statement *which = &STATEMENTS[r->after >= 0 ? BUTLER_AFTER : BUTLER_NEWEST];
    sw_status begun = sw_db_query(db, which, 0, &rows, "iiiiii", low, high, r->before, r->limit, r->after, admin);
    return collect(begun, rows, ret, ret_count, r->limit);
}

sw_status ids_of_thread(sw_db *db, int64_t thread, const id_range *r, int64_t *ret, size_t *ret_count)
{
    sw_rows *rows = NULL;
    const sw_statement *which = &STATEMENTS[r->after >= 0 ? THREAD_AFTER : THREAD_NEWEST];
    sw_status begun = sw_db_query(db, which, 0, &rows, "iiii", thread, r->before, r->limit, r->after);
    return collect(begun, rows, ret, ret_count, r->limit);
}

sw_status ids_of_butler_thread(sw_db *db, int64_t admin, int64_t thread, const id_range *r, int64_t *ret,
                               size_t *ret_count)
{
    sw_rows *rows = NULL;
    const sw_statement *which = &STATEMENTS[r->after >= 0 ? BUTLER_THREAD_AFTER : BUTLER_THREAD_NEWEST];
    sw_status begun = sw_db_query(db, which, 0, &rows, "iiiii", thread, r->before, r->limit, r->after, admin);
    return collect(begun, rows, ret, ret_count, r->limit);
}

sw_status ids_of_inbox(sw_db *db, int64_t user, bool human, int64_t after, int64_t limit, int64_t *ret,
                       size_t *ret_count)
{
    sw_rows *rows = NULL;
    const sw_statement *which = &STATEMENTS[human ? INBOX_HUMAN : INBOX_SYSTEM];
    sw_status begun = sw_db_query(db, which, 0, &rows, "iii", user, after, limit);
    return collect(begun, rows, ret, ret_count, limit);
}
