/* GET, POST and PATCH /api/chat/threads: a human's threads are listed, begun and changed. A worker reads what is asked
 * for; a write step stores it. GET /api/chat/threads/:thread_id/messages is in talk/history.c. */
#include "threads/threads.h"

#include <string.h>

static const char *const CLAUSES[] = {"AND channel_kind = ?2", NULL};

enum { THREADS_COUNT, THREADS_OF_OWNER, THREADS_OF_PAIR, THREAD_CHANGE };

static const sw_statement STATEMENTS[] = {
    [THREADS_COUNT] = {.name = "threads_count",
                       .sql = "SELECT count(*) FROM (SELECT 1 FROM chat_threads WHERE owner_id = ?1 LIMIT ?2) AS some"},
    /* NULLs are the smallest, so newest first puts threads without a message last. */
    [THREADS_OF_OWNER] = {.name = "threads_of_owner",
                          .sql = THREAD_COLUMNS
                          " WHERE owner_id = ?1 {clauses} ORDER BY is_pinned DESC, last_message_ms DESC, id",
                          .clauses = CLAUSES},
    [THREADS_OF_PAIR] =
        {.name = "threads_of_pair",
         .sql = THREAD_COLUMNS
         " WHERE owner_id = ?1 AND peer_id = ?3 {clauses} ORDER BY is_pinned DESC, last_message_ms DESC, id",
         .clauses = CLAUSES},
    [THREAD_CHANGE] = {.name = "thread_change",
                       .sql = "UPDATE chat_threads SET title = ?2, summary = ?3, is_pinned = ?4,"
                              " archived_ms = nullif(?5, 0), updated_ms = ?6 WHERE id = ?1"},
};

const sw_table THREAD_LIST_STATEMENTS = SW_TABLE(STATEMENTS);

/* ---- a thread as JSON ---- */

static void thread_write(sw_json *out, const thread_row *t)
{
    sw_json_object_begin(out, NULL);
    sw_json_int(out, "id", t->id);
    sw_json_int(out, "owner_user_id", t->owner_id);
    sw_json_int(out, "peer_user_id", t->peer_id);
    sw_json_text(out, "channel_kind", t->channel_kind);
    sw_json_text(out, "title", t->title);
    sw_json_text_opt(out, "summary", t->summary);
    sw_json_bool(out, "is_pinned", t->is_pinned);
    sw_json_bool(out, "is_default", t->is_default);
    if (t->archived_ms)
        sw_json_time(out, "archived_at", t->archived_ms);
    if (t->last_message_ms)
        sw_json_time(out, "last_message_at", t->last_message_ms);
    sw_json_time(out, "created_at", t->created_ms);
    sw_json_time(out, "updated_at", t->updated_ms);
    sw_json_object_end(out);
}

static bool thread_kind_known(const char *kind)
{
    return strcmp(kind, "butler_direct") == 0 || strcmp(kind, "agent_direct") == 0;
}

/* The body's title without white space at its ends; `fallback` when nothing is left. Sticky when it is too long. */
static const char *thread_title_read(sw_request *req, const char *fallback)
{
    const char *given = sw_body_text_or(req, "title", 64 * 1024, "");
    size_t max = (size_t)sw_option_int(sw_request_host(req), "title_max");
    size_t len;

    given += strspn(given, " \t\r\n\v\f");
    len = strlen(given);
    while (len > 0 && strchr(" \t\r\n\v\f", given[len - 1]))
        len--;
    if (len > max)
        sw_invalid(req, "field_too_long", "title must be at most %zu bytes", max);
    return len ? sw_strndup(req, given, len) : fallback;
}

/* ---- GET: the caller's own threads, pinned ones first, then by the newest message ---- */

/* `peer_id` 0: all; `channel_kind` "": all. */
static sw_status threads_begin(sw_db *db, int64_t owner_id, int64_t peer_id, const char *channel_kind, sw_rows **ret)
{
    const sw_statement *which = &STATEMENTS[peer_id ? THREADS_OF_PAIR : THREADS_OF_OWNER];
    return sw_db_query(db, which, *channel_kind ? 1u : 0u, ret, "isi", owner_id, channel_kind, peer_id);
}

sw_status get_threads(sw_request *req)
{
    int64_t limit = sw_option_core_int(sw_request_host(req), "limits.page_bytes");
    int64_t peer = sw_query_int(req, "peer_id", 0, 1, INT64_MAX);
    const char *kind = sw_query_text(req, "channel_kind", 64, "");
    sw_rows *rows = NULL;
    thread_row t;

    if (*kind && !thread_kind_known(kind))
        sw_invalid(req, "invalid_parameter", "invalid channel_kind");
    SW_TRY(sw_check(req));
    SW_TRY(threads_begin(sw_request_db(req), sw_request_principal(req)->user_id, peer, kind, &rows));
    sw_json *out = sw_reply_json(req, 200);
    sw_json_array_begin(out, NULL);
    while (threads_next(rows, &t)) {
        if (limit > 0 && sw_json_length(out) >= (size_t)limit) {
            sw_reply_header(req, "X-Truncated", "true");
            break;
        }
        thread_write(out, &t);
    }
    sw_json_array_end(out);
    return sw_rows_done(rows);
}

/* ---- POST: a further thread with an agent or Butler ---- */

static sw_status store_thread(sw_tx *tx, void *arg)
{
    thread_row *t = arg;

    SW_TRY(thread_add(tx, t));
    thread_write(sw_tx_reply(tx, 201), t);
    return SW_OK;
}

/* How many threads the owner has, counted up to `max`. */
static sw_status threads_count(sw_db *db, int64_t owner_id, int64_t max, int64_t *ret)
{
    sw_rows *rows = NULL;

    SW_TRY(sw_db_query(db, &STATEMENTS[THREADS_COUNT], 0, &rows, "ii", owner_id, max));
    int64_t count = sw_rows_next(rows) ? sw_rows_int(rows, 0) : 0;
    SW_TRY(sw_rows_done(rows));
    *ret = count;
    return SW_OK;
}

static sw_status check_count(sw_request *req)
{
    int64_t max = sw_option_int(sw_request_host(req), "threads_max"), count = 0;

    SW_TRY(threads_count(sw_request_db(req), sw_request_principal(req)->user_id, max, &count));
    return count < max ? SW_OK : sw_fail(req, SW_CONFLICT, NULL, "you have %lld threads already", (long long)count);
}

sw_status post_threads(sw_request *req)
{
    const chat *c = sw_request_state(req);
    int64_t peer = sw_body_int(req, "peer_id", 0, 0, INT64_MAX);
    const char *kind = sw_body_text_or(req, "channel_kind", 64, "");
    const char *title = thread_title_read(req, "New conversation");
    sw_user user = {.size = sizeof user};

    if (!peer || !*kind)
        sw_invalid(req, "missing_field", "peer_id and channel_kind are required");
    if (*kind && !thread_kind_known(kind))
        sw_invalid(req, "invalid_parameter", "channel_kind must be butler_direct or agent_direct");
    SW_TRY(sw_check(req));
    sw_status found = c->users->by_id(c->users_self, sw_request_db(req), peer, &user);
    if (found == SW_NOT_FOUND)
        return sw_fail(req, SW_NOT_FOUND, NULL, "no such user: peer_id");
    SW_TRY(found);
    if (strcmp(kind, thread_kind_of(user.role)) != 0)
        return sw_fail(req, SW_INVALID, "invalid_parameter", "channel_kind does not fit the peer's role");
    SW_TRY(check_count(req));
    thread_row *t = sw_alloc(req, 1, sizeof *t);
    if (!t || !title)
        return SW_NO_MEMORY;
    *t = (thread_row){
        .owner_id = sw_request_principal(req)->user_id,
        .peer_id = peer,
        .channel_kind = sw_strdup(req, kind),
        .title = title,
        .summary = "",
    };
    return t->channel_kind ? sw_write(req, store_thread, t) : SW_NO_MEMORY;
}

/* ---- PATCH: title, summary, pinned or archived ---- */

/* Title, summary, pinned, archived and updated, as they are in `t`. */
static sw_status thread_change(sw_tx *tx, const thread_row *t)
{
    return sw_tx_exec(tx, &STATEMENTS[THREAD_CHANGE], NULL, "issiii", t->id, t->title, t->summary,
                      (int64_t)t->is_pinned, t->archived_ms, t->updated_ms);
}

typedef struct {
    int64_t id;
    const char *title, *summary; /* NULL when it stays */
    int pinned, archived;        /* -1 when it stays */
} thread_patch;

static sw_status apply(sw_tx *tx, void *arg)
{
    const thread_patch *patch = arg;
    int64_t now = sw_tx_now(tx);
    thread_row t;

    SW_TRY(thread_get_own(sw_tx_request(tx), sw_tx_db(tx), patch->id, &t));
    if (patch->title)
        t.title = patch->title;
    if (patch->summary)
        t.summary = patch->summary;
    if (patch->pinned >= 0)
        t.is_pinned = patch->pinned != 0;
    if (patch->archived == 0)
        t.archived_ms = 0;
    else if (patch->archived > 0 && !t.archived_ms)
        t.archived_ms = now;
    t.updated_ms = now;
    SW_TRY(thread_change(tx, &t));
    thread_write(sw_tx_reply(tx, 200), &t);
    return SW_OK;
}

static bool given(sw_request *req, const char *name)
{
    const sw_value *value = sw_value_get(sw_body(req), name);
    return value && sw_value_type(value) != SW_JSON_NULL;
}

sw_status patch_thread(sw_request *req)
{
    size_t summary_max = (size_t)sw_option_int(sw_request_host(req), "summary_max");
    thread_patch *patch = sw_alloc(req, 1, sizeof *patch);

    if (!patch)
        return SW_NO_MEMORY;
    patch->id = sw_path_id(req, "thread_id");
    patch->pinned = sw_body_bool(req, "is_pinned", -1);
    patch->archived = sw_body_bool(req, "is_archived", -1);
    if (given(req, "title")) {
        patch->title = thread_title_read(req, NULL);
        if (!patch->title)
            sw_invalid(req, "invalid_request", "title must not be empty");
    }
    if (given(req, "summary"))
        patch->summary = sw_body_text_or(req, "summary", summary_max, "");
    SW_TRY(sw_check(req));
    return sw_write(req, apply, patch);
}
