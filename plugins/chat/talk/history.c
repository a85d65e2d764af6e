/* What was said, read again: the pages of the HTTP API (GET /api/chat/history, /butler-agent, /updates, and the
 * messages of a thread), and a recovery with since_id, which sends stored frames exactly as they were sent live. On a
 * worker. What a socket hears after its recovery is in approvals/delivery.c.
 *
 * First the ids of a page are taken from an index alone (a test reads the plans); unions are merged lazily, so the cost
 * of a page grows with its limit and not with the table. Then row by row is read and written. */
#include "approvals/approvals.h"

#include <string.h>

/* Which part of a sequence. With `after` >= 0: the first `limit` rows after it, oldest first; else the latest
 * `limit`, newest first. Both stay under `before`. */
typedef struct {
    int64_t before, after, limit;
} id_range;

/* ---- which rows make a page ---- */

enum {
    PAIR_NEWEST,
    PAIR_AFTER,
    ASKING_NEWEST,
    ASKING_AFTER,
    THREAD_NEWEST,
    THREAD_AFTER,
    ASKING_THREAD_NEWEST,
    ASKING_THREAD_AFTER,
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
    [ASKING_NEWEST] =
        {.name = "ids_asking_newest",
         .sql =
             "SELECT id FROM chat WHERE pair_low = ?1 AND pair_high = ?2 AND id < ?3"
             " UNION ALL SELECT id FROM chat WHERE type = 'AUTH_REQUEST' AND sender_id = ?7 AND receiver_id <> ?6 AND id < ?3"
             " ORDER BY id DESC LIMIT ?4"},
    [ASKING_AFTER] =
        {.name = "ids_asking_after",
         .sql =
             "SELECT id FROM chat WHERE pair_low = ?1 AND pair_high = ?2 AND id < ?3 AND id > ?5"
             " UNION ALL SELECT id FROM chat WHERE type = 'AUTH_REQUEST' AND sender_id = ?7 AND receiver_id <> ?6 AND id < ?3 AND id > ?5"
             " ORDER BY id LIMIT ?4"},
    [THREAD_NEWEST] = {.name = "ids_thread_newest",
                       .sql = "SELECT id FROM chat WHERE conversation_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3"},
    [THREAD_AFTER] =
        {.name = "ids_thread_after",
         .sql = "SELECT id FROM chat WHERE conversation_id = ?1 AND id < ?2 AND id > ?4 ORDER BY id LIMIT ?3"},
    [ASKING_THREAD_NEWEST] =
        {.name = "ids_asking_thread_newest",
         .sql =
             "SELECT id FROM chat WHERE conversation_id = ?1 AND id < ?2"
             " UNION ALL SELECT chat_id AS id FROM chat_copies WHERE thread_id = ?1 AND chat_id < ?2"
             " UNION ALL SELECT id FROM chat WHERE type = 'AUTH_REQUEST' AND sender_id = ?7 AND receiver_id <> ?5 AND id < ?6"
             " ORDER BY id DESC LIMIT ?3"},
    [ASKING_THREAD_AFTER] =
        {.name = "ids_asking_thread_after",
         .sql =
             "SELECT id FROM chat WHERE conversation_id = ?1 AND id < ?2 AND id > ?4"
             " UNION ALL SELECT chat_id AS id FROM chat_copies WHERE thread_id = ?1 AND chat_id < ?2 AND chat_id > ?4"
             " UNION ALL SELECT id FROM chat WHERE type = 'AUTH_REQUEST' AND sender_id = ?7 AND receiver_id <> ?5 AND id < ?6 AND id > ?4"
             " ORDER BY id LIMIT ?3"},
    [INBOX_HUMAN] = {.name = "ids_inbox_human",
                     .sql = "SELECT id FROM chat WHERE inbox_id = ?1 AND id > ?2"
                            " UNION ALL SELECT id FROM chat WHERE inbox_id = 0 AND id > ?2"
                            " UNION ALL SELECT id FROM chat WHERE inbox_id = -2 AND id > ?2"
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

static sw_status ids_of_pair(sw_db *db, int64_t a, int64_t b, const id_range *r, int64_t *ret, size_t *ret_count)
{
    sw_rows *rows = NULL;
    int64_t low = a < b ? a : b, high = a < b ? b : a;
    const sw_statement *which = &STATEMENTS[r->after >= 0 ? PAIR_AFTER : PAIR_NEWEST];
    sw_status begun = sw_db_query(db, which, 0, &rows, "iiiii", low, high, r->before, r->limit, r->after);
    return collect(begun, rows, ret, ret_count, r->limit);
}

/* The pair of an ADMIN and one who asks, with the AUTH_REQUESTs that it asked others. */
static sw_status ids_of_asking(sw_db *db, int64_t admin, int64_t peer, const id_range *r, int64_t *ret,
                               size_t *ret_count)
{
    sw_rows *rows = NULL;
    int64_t low = admin < peer ? admin : peer, high = admin < peer ? peer : admin;
    const sw_statement *which = &STATEMENTS[r->after >= 0 ? ASKING_AFTER : ASKING_NEWEST];
    sw_status begun =
        sw_db_query(db, which, 0, &rows, "iiiiiii", low, high, r->before, r->limit, r->after, admin, peer);
    return collect(begun, rows, ret, ret_count, r->limit);
}

static sw_status ids_of_thread(sw_db *db, int64_t thread, const id_range *r, int64_t *ret, size_t *ret_count)
{
    sw_rows *rows = NULL;
    const sw_statement *which = &STATEMENTS[r->after >= 0 ? THREAD_AFTER : THREAD_NEWEST];
    sw_status begun = sw_db_query(db, which, 0, &rows, "iiii", thread, r->before, r->limit, r->after);
    return collect(begun, rows, ret, ret_count, r->limit);
}

/* A thread of an ADMIN and one who asks, with its copies of what others were asked. */
static sw_status ids_of_asking_thread(sw_db *db, const thread_row *t, const id_range *r, int64_t *ret,
                                      size_t *ret_count)
{
    sw_rows *rows = NULL;
    int64_t unnoted = 0;
    const sw_statement *which = &STATEMENTS[r->after >= 0 ? ASKING_THREAD_AFTER : ASKING_THREAD_NEWEST];

    SW_TRY(copies_unnoted(db, t, &unnoted));
    int64_t before = unnoted + 1 < r->before ? unnoted + 1 : r->before;
    sw_status begun = sw_db_query(db, which, 0, &rows, "iiiiiii", t->id, r->before, r->limit, r->after, t->owner_id,
                                  before, t->peer_id);
    return collect(begun, rows, ret, ret_count, r->limit);
}

/* What a recovery of that user replays, after an id, oldest first. */
static sw_status ids_of_inbox(sw_db *db, int64_t user, bool human, int64_t after, int64_t limit, int64_t *ret,
                              size_t *ret_count)
{
    sw_rows *rows = NULL;
    const sw_statement *which = &STATEMENTS[human ? INBOX_HUMAN : INBOX_SYSTEM];
    sw_status begun = sw_db_query(db, which, 0, &rows, "iii", user, after, limit);
    return collect(begun, rows, ret, ret_count, limit);
}

/* ---- a row as the history shows it ---- */

/* A payload that is a string is shown as that string, its token copied. Any other JSON is shown as a string that holds
 * its exact text. A request is shown with its current status. */
static void write_payload(sw_request *req, sw_json *out, const chat_row *row, int64_t steady_ms)
{
    if (row->approval && strcmp(row->type, TYPE_REQUEST) == 0) {
        sw_json *inner = sw_json_new(req);
        sw_str text = {"", 0};
        if (inner) {
            approval_write_request(inner, NULL, row->approval, steady_ms);
            text = sw_json_str(inner);
        }
        sw_json_textn(out, "payload", text.at ? text.at : "", text.len);
    } else if (row->payload.len && row->payload.at[0] == '"') {
        sw_json_raw(out, "payload", row->payload.at, row->payload.len);
    } else {
        sw_json_textn(out, "payload", row->payload.at, row->payload.len);
    }
}

static void chat_write(sw_request *req, sw_json *out, const chat_row *row, int64_t steady_ms)
{
    sw_json_object_begin(out, NULL);
    sw_json_int(out, "id", row->id);
    sw_json_textn(out, "local_id", row->local_id.at ? row->local_id.at : "", row->local_id.len);
    if (row->conversation_id)
        sw_json_int(out, "conversation_id", row->conversation_id);
    sw_json_int(out, "sender_id", row->sender_id);
    sw_json_text(out, "sender_name", row->sender_name);
    sw_json_text(out, "sender_role", row->sender_role);
    sw_json_int(out, "receiver_id", row->receiver_id);
    sw_json_int(out, "target_id", row->receiver_id);
    sw_json_text(out, "type", row->type);
    write_payload(req, out, row, steady_ms);
    if (row->source.at)
        sw_json_raw(out, "source", row->source.at, row->source.len);
    sw_json_time(out, "timestamp", row->at_ms);
    sw_json_object_end(out);
}

/* ---- a page: each row is written by itself first, because only then is its size known before it must fit ---- */

/* before_id, after_id and limit of the query; sticky. */
static void range_read(sw_request *req, int64_t fallback, id_range *ret)
{
    *ret = (id_range){
        .before = sw_query_int(req, "before_id", INT64_MAX, 1, INT64_MAX),
        .after = sw_query_int(req, "after_id", -1, 0, INT64_MAX),
        .limit = sw_query_int(req, "limit", fallback, 1, CHAT_PAGE_MAX),
    };
}

static sw_status write_row(sw_request *req, int64_t id, bool copies, sw_str *ret)
{
    chat_row row;
    int64_t me = sw_request_principal(req)->user_id;
    sw_status found = row_get(sw_request_db(req), id, &row);

    *ret = (sw_str){NULL, 0};
    if (found == SW_NOT_FOUND)
        return SW_OK; /* it was pruned in this moment */
    SW_TRY(found);
    if (copies && row.receiver_id != me && strcmp(row.type, TYPE_REQUEST) == 0)
        SW_TRY(copy_thread(sw_request_db(req), id, me, row.sender_id, &row.conversation_id));
    sw_json *out = sw_json_new(req);
    if (!out)
        return SW_NO_MEMORY;
    chat_write(req, out, &row, sw_steady_ms(sw_request_host(req)));
    *ret = sw_json_str(out);
    return ret->at ? SW_OK : SW_NO_MEMORY;
}

/* A reply of many rows, oldest first. `ids` are in that order, or the other way round with `newest_first`: then a page
 * that grows too large loses its oldest rows. `copies`: AUTH_REQUESTs to others show the thread of the caller's copy.
 */
static sw_status page_reply(sw_request *req, const int64_t *ids, size_t count, bool newest_first, bool copies)
{
    int64_t limit = sw_option_core_int(sw_request_host(req), "limits.page_bytes");
    sw_str *texts = sw_alloc(req, count ? count : 1, sizeof *texts);
    size_t written = 0, bytes = 0;

    if (!texts)
        return SW_NO_MEMORY;
    while (written < count && (limit <= 0 || bytes < (size_t)limit)) {
        SW_TRY(write_row(req, ids[written], copies, &texts[written]));
        bytes += texts[written++].len;
    }
    sw_json *out = sw_reply_json(req, 200);
    sw_json_array_begin(out, NULL);
    for (size_t i = 0; i < written; i++) {
        sw_str text = texts[newest_first ? written - 1 - i : i];
        if (text.at)
            sw_json_raw(out, NULL, text.at, text.len);
    }
    sw_json_array_end(out);
    if (written < count)
        sw_reply_header(req, "X-Truncated", "true");
    return SW_OK;
}

/* ---- GET /api/chat/history/:peer_id: what the caller and the peer said in all their threads ---- */

/* With Butler or an agent, an ADMIN also sees what it asked other humans, because it may decide that too. */
static sw_status reply_asking(sw_request *req, int64_t peer, const id_range *range)
{
    int64_t ids[CHAT_PAGE_MAX], me = sw_request_principal(req)->user_id;
    size_t count = 0;

    SW_TRY(ids_of_asking(sw_request_db(req), me, peer, range, ids, &count));
    return page_reply(req, ids, count, range->after < 0, true);
}

sw_status get_history(sw_request *req)
{
    const chat *c = sw_request_state(req);
    const sw_principal *who = sw_request_principal(req);
    int64_t ids[CHAT_PAGE_MAX], peer = sw_path_id(req, "peer_id");
    sw_user user = {.size = sizeof user};
    id_range range;
    size_t count = 0;

    range_read(req, CHAT_HISTORY_DEFAULT, &range);
    SW_TRY(sw_check(req));
    if (who->role == SW_ROLE_ADMIN) {
        sw_status found = c->users->by_id_any(c->users_self, sw_request_db(req), peer, &user);
        if (found != SW_OK && found != SW_NOT_FOUND)
            return found;
        if (found == SW_OK && role_system(user.role))
            return reply_asking(req, peer, &range);
    }
    SW_TRY(ids_of_pair(sw_request_db(req), who->user_id, peer, &range, ids, &count));
    return page_reply(req, ids, count, range.after < 0, false);
}

/* ---- GET /api/chat/butler-agent/:agent_id: what Butler and that agent said, for humans ---- */

sw_status get_butler_agent(sw_request *req)
{
    const chat *c = sw_request_state(req);
    sw_db *db = sw_request_db(req);
    int64_t ids[CHAT_PAGE_MAX], agent_id = sw_path_id(req, "agent_id");
    sw_user butler = {.size = sizeof butler}, agent = {.size = sizeof agent};
    id_range range;
    size_t count = 0;

    range_read(req, CHAT_THREAD_DEFAULT, &range);
    SW_TRY(sw_check(req));
    sw_status found = c->users->butler(c->users_self, db, &butler);
    if (found == SW_NOT_FOUND)
        return sw_fail(req, SW_NOT_FOUND, NULL, "butler not found");
    SW_TRY(found);
    /* Only of agents, removed ones too: what Butler says to a human is that human's own. */
    found = c->users->by_id_any(c->users_self, db, agent_id, &agent);
    if (found != SW_OK && found != SW_NOT_FOUND)
        return found;
    if (found == SW_OK && agent.role == SW_ROLE_AGENT)
        SW_TRY(ids_of_pair(db, butler.id, agent_id, &range, ids, &count));
    return page_reply(req, ids, count, range.after < 0, false);
}

/* ---- GET /api/chat/threads/:thread_id/messages: of one of the caller's own threads ---- */

sw_status get_thread_messages(sw_request *req)
{
    const sw_principal *who = sw_request_principal(req);
    int64_t ids[CHAT_PAGE_MAX], id = sw_path_id(req, "thread_id");
    id_range range;
    thread_row t;
    size_t count = 0;

    range_read(req, CHAT_THREAD_DEFAULT, &range);
    SW_TRY(sw_check(req));
    SW_TRY(thread_get_own(req, sw_request_db(req), id, &t));
    /* An ADMIN's copies of what others were asked belong to its threads with who asks, live and in the history, and so
     * here too. */
    if (who->role == SW_ROLE_ADMIN) {
        SW_TRY(ids_of_asking_thread(sw_request_db(req), &t, &range, ids, &count));
        return page_reply(req, ids, count, range.after < 0, true);
    }
    SW_TRY(ids_of_thread(sw_request_db(req), id, &range, ids, &count));
    return page_reply(req, ids, count, range.after < 0, false);
}

/* ---- GET /api/chat/updates: the rows that a since_id recovery of the caller replays, oldest first ---- */

sw_status get_updates(sw_request *req)
{
    const sw_principal *who = sw_request_principal(req);
    int64_t ids[CHAT_PAGE_MAX];
    int64_t after = sw_query_int(req, "after_id", 0, 0, INT64_MAX);
    int64_t limit = sw_query_int(req, "limit", CHAT_HISTORY_DEFAULT, 1, CHAT_PAGE_MAX);
    size_t count = 0;

    SW_TRY(sw_check(req));
    SW_TRY(ids_of_inbox(sw_request_db(req), who->user_id, role_human(who->role), after, limit, ids, &count));
    return page_reply(req, ids, count, false, false);
}

/* ---- a recovery ---- */

enum { IDS_AT_ONCE = 128 };

sw_status recovery_last_id(sw_request *req, int64_t *ret_id)
{
    return chat_last_id(sw_request_db(req), ret_id);
}

sw_status recovery_complete_since(sw_request *req, int64_t after, bool *ret_complete)
{
    return chat_complete_since(sw_request_db(req), after, ret_complete);
}

sw_status recovery_page(sw_request *req, int64_t after, sw_replay_out *out, bool *ret_more)
{
    const sw_principal *who = sw_request_principal(req);
    sw_db *db = sw_request_db(req);
    int64_t steady_ms = sw_steady_ms(sw_request_host(req));

    for (;;) {
        int64_t ids[IDS_AT_ONCE];
        size_t count = 0;

        SW_TRY(ids_of_inbox(db, who->user_id, role_human(who->role), after, IDS_AT_ONCE, ids, &count));
        for (size_t i = 0; i < count; i++) {
            chat_row row;
            if (sw_replay_full(out)) {
                *ret_more = true;
                return SW_OK;
            }
            sw_status found = row_get(db, ids[i], &row);
            if (found == SW_NOT_FOUND)
                continue; /* it was pruned in this moment */
            SW_TRY(found);
            frame_write_row(sw_replay_frame(out, row.id, 0, 0), &row, steady_ms);
        }
        if (count < IDS_AT_ONCE) {
            *ret_more = false;
            return SW_OK;
        }
        after = ids[count - 1];
    }
}
