/* Which rows make a page. Every query here is answered from an index alone (a test reads the plans), and unions are
 * merged lazily, so that a limit costs what it says. */
#include "store.h"
#include "talk/talk.h"

#include <string.h>

const char SQL_IDS_PAIR_NEWEST[] =
    "SELECT id FROM chat WHERE pair_low = ?1 AND pair_high = ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4";
const char SQL_IDS_PAIR_AFTER[] =
    "SELECT id FROM chat WHERE pair_low = ?1 AND pair_high = ?2 AND id < ?3 AND id > ?5 ORDER BY id LIMIT ?4";

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
    statement_id which = r->after >= 0 ? ST_IDS_PAIR_AFTER : ST_IDS_PAIR_NEWEST;
    sw_status begun = RUN(db, which, &rows, "iiiii", low, high, r->before, r->limit, r->after);
    return collect(begun, rows, ret, ret_count, r->limit);
}

const char SQL_IDS_BUTLER_NEWEST[] =
    "SELECT id FROM chat WHERE pair_low = ?1 AND pair_high = ?2 AND id < ?3"
    " UNION ALL SELECT id FROM chat WHERE type = 'AUTH_REQUEST' AND receiver_id <> ?6 AND id < ?3"
    " ORDER BY id DESC LIMIT ?4";
const char SQL_IDS_BUTLER_AFTER[] =
    "SELECT id FROM chat WHERE pair_low = ?1 AND pair_high = ?2 AND id < ?3 AND id > ?5"
    " UNION ALL SELECT id FROM chat WHERE type = 'AUTH_REQUEST' AND receiver_id <> ?6 AND id < ?3 AND id > ?5"
    " ORDER BY id LIMIT ?4";

sw_status ids_of_butler(sw_db *db, int64_t admin, int64_t butler, const id_range *r, int64_t *ret, size_t *ret_count)
{
    sw_rows *rows = NULL;
    int64_t low = admin < butler ? admin : butler, high = admin < butler ? butler : admin;
    statement_id which = r->after >= 0 ? ST_IDS_BUTLER_AFTER : ST_IDS_BUTLER_NEWEST;
    sw_status begun = RUN(db, which, &rows, "iiiiii", low, high, r->before, r->limit, r->after, admin);
    return collect(begun, rows, ret, ret_count, r->limit);
}

const char SQL_IDS_THREAD_NEWEST[] =
    "SELECT id FROM chat WHERE conversation_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
const char SQL_IDS_THREAD_AFTER[] =
    "SELECT id FROM chat WHERE conversation_id = ?1 AND id < ?2 AND id > ?4 ORDER BY id LIMIT ?3";

sw_status ids_of_thread(sw_db *db, int64_t thread, const id_range *r, int64_t *ret, size_t *ret_count)
{
    sw_rows *rows = NULL;
    statement_id which = r->after >= 0 ? ST_IDS_THREAD_AFTER : ST_IDS_THREAD_NEWEST;
    sw_status begun = RUN(db, which, &rows, "iiii", thread, r->before, r->limit, r->after);
    return collect(begun, rows, ret, ret_count, r->limit);
}

const char SQL_IDS_BUTLER_THREAD_NEWEST[] =
    "SELECT id FROM chat WHERE conversation_id = ?1 AND id < ?2"
    " UNION ALL SELECT id FROM chat WHERE type = 'AUTH_REQUEST' AND receiver_id <> ?5 AND id < ?2"
    " ORDER BY id DESC LIMIT ?3";
const char SQL_IDS_BUTLER_THREAD_AFTER[] =
    "SELECT id FROM chat WHERE conversation_id = ?1 AND id < ?2 AND id > ?4"
    " UNION ALL SELECT id FROM chat WHERE type = 'AUTH_REQUEST' AND receiver_id <> ?5 AND id < ?2 AND id > ?4"
    " ORDER BY id LIMIT ?3";

sw_status ids_of_butler_thread(sw_db *db, int64_t admin, int64_t thread, const id_range *r, int64_t *ret,
                               size_t *ret_count)
{
    sw_rows *rows = NULL;
    statement_id which = r->after >= 0 ? ST_IDS_BUTLER_THREAD_AFTER : ST_IDS_BUTLER_THREAD_NEWEST;
    sw_status begun = RUN(db, which, &rows, "iiiii", thread, r->before, r->limit, r->after, admin);
    return collect(begun, rows, ret, ret_count, r->limit);
}

const char SQL_IDS_INBOX_HUMAN[] = "SELECT id FROM chat WHERE inbox_id = ?1 AND id > ?2"
                                   " UNION ALL SELECT id FROM chat WHERE inbox_id = 0 AND id > ?2"
                                   " UNION ALL SELECT id FROM chat WHERE own_id = ?1 AND id > ?2"
                                   " ORDER BY id LIMIT ?3";
/* An agent never hears itself, so its own broadcasts (Butler's) are left out. */
const char SQL_IDS_INBOX_SYSTEM[] = "SELECT id FROM chat WHERE inbox_id = ?1 AND id > ?2"
                                    " UNION ALL SELECT id FROM chat WHERE inbox_id = 0 AND id > ?2 AND sender_id <> ?1"
                                    " ORDER BY id LIMIT ?3";

sw_status ids_of_inbox(sw_db *db, int64_t user, bool human, int64_t after, int64_t limit, int64_t *ret,
                       size_t *ret_count)
{
    sw_rows *rows = NULL;
    statement_id which = human ? ST_IDS_INBOX_HUMAN : ST_IDS_INBOX_SYSTEM;
    sw_status begun = RUN(db, which, &rows, "iii", user, after, limit);
    return collect(begun, rows, ret, ret_count, limit);
}
