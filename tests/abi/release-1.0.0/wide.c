/* wide: calls what ABI 1.0 has for requests and data; deep.c, wire.c and reach.c have the rest. Valid C11 and C++20.
 *
 * No example: each route calls all that belongs together and shows what came of it. */
#include <steward/plugin.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint32_t size;
    int64_t row;
} wide_event;

/* Made by start(); the numbers are changed by many threads. */
typedef struct {
    sw_host *host;
    int64_t committed, in_tx, after;
} wide;

static void count(int64_t *number)
{
    __atomic_add_fetch(number, 1, __ATOMIC_RELAXED);
}

static int64_t counted(const int64_t *number)
{
    return __atomic_load_n(number, __ATOMIC_RELAXED);
}

/* ---- data, first half: the tables ---- */

static const sw_migration MIGRATIONS[] = {
    { "0001_rows", "CREATE TABLE wide_rows (id INTEGER PRIMARY KEY AUTOINCREMENT, word TEXT NOT NULL UNIQUE, real REAL,"
                   " bytes BLOB, void TEXT) STRICT" },
};

static const char *const CLAUSES[] = { "AND word = ?1", "AND id > ?2", NULL };
static const sw_statement STATEMENTS[] = {
    { "add", "INSERT INTO wide_rows (word, real, bytes, void) VALUES (?1, ?2, ?3, ?4)", NULL },
    { "list", "SELECT id, word, real, bytes, void FROM wide_rows WHERE 1 = 1 {clauses} ORDER BY id", CLAUSES },
};
static const sw_statement *const ADD = &STATEMENTS[0], *const LIST = &STATEMENTS[1];

/* ---- requests ---- */

static sw_status get_request(sw_request *req)
{
    const sw_principal *who = sw_request_principal(req);
    int64_t id = sw_path_id(req, "id"), number = sw_query_int(req, "number", 5, 1, 10);
    int64_t time = sw_query_time(req, "time", 0);
    const char *text = sw_query_text(req, "text", 8, "none"), *agent = sw_header(req, "User-Agent");
    char *four = (char *)sw_alloc(req, 5, 1);

    if (number == 3)
        sw_invalid(req, "no_three", "not %d", 3);
    SW_TRY(sw_check(req));
    if (!four || !sw_request_host(req) || !sw_request_state(req))
        return SW_NO_MEMORY;
    memcpy(four, sw_strndup(req, sw_strdup(req, "wide open"), 4), 4);
    sw_reply_header(req, "X-Wide", four);
    sw_json *out = sw_reply_json(req, 200);
    sw_json_object_begin(out, NULL);
    sw_json_int(out, "id", id);
    sw_json_text(out, "word", sw_path_text(req, "word"));
    sw_json_int(out, "number", number);
    sw_json_text(out, "text", text);
    sw_json_time(out, "time", time);
    sw_json_bool(out, "asked", sw_query_has(req, "text"));
    sw_json_text_opt(out, "agent", agent);
    sw_json_text(out, "address", sw_request_address(req));
    sw_json_bool(out, "named", *sw_request_id(req) != '\0');
    sw_json_int(out, "tag", sw_request_tag(req));
    sw_json_textn(out, "role", sw_role_name(who->role), strlen(sw_role_name(who->role)));
    sw_json_bool(out, "same_role", sw_role_of("ADMIN") == who->role);
    sw_json_text(out, "made", sw_printf(req, "%s %lld", four, (long long)who->user_id));
    sw_json_int(out, "so_far", sw_json_length(out) > 100 ? 1 : 0);
    sw_json_object_end(out);
    return SW_OK;
}

static sw_status post_body(sw_request *req)
{
    const char *word = sw_body_text(req, "word", 1, 20), *other = sw_body_text_or(req, "other", 20, "or");
    int64_t number = sw_body_int(req, "number", -1, 0, 100);
    int flag = sw_body_bool(req, "flag", -1);
    size_t len = 0, text_len = 0;

    SW_TRY(sw_check(req));
    const sw_value *list = sw_value_get(sw_body(req), "list");
    const char *first = sw_value_text(sw_value_at(list, 0), &text_len);
    sw_json *kept = sw_json_new(req), *out = sw_reply_json(req, 201);
    sw_json_array_begin(kept, NULL);
    sw_json_int(kept, NULL, sw_value_int(sw_value_at(list, 1), -1));
    sw_json_double(kept, NULL, sw_value_double(sw_value_at(list, 2), -1));
    sw_json_bool(kept, NULL, sw_value_bool(sw_value_at(list, 3), 0) == 1);
    sw_json_null(kept, NULL);
    sw_json_array_end(kept);
    sw_str text = sw_json_str(kept);
    const sw_value *again = sw_json_parse(req, text.at, text.len);
    len = sw_value_count(again) + (sw_value_type(again) == SW_JSON_ARRAY ? 100u : 0u);
    sw_json_object_begin(out, NULL);
    sw_json_text(out, "word", word);
    sw_json_text(out, "other", other);
    sw_json_int(out, "number", number);
    sw_json_int(out, "flag", flag);
    sw_json_textn(out, "first", first ? first : "", text_len);
    sw_json_raw(out, "rest", text.at, text.len);
    sw_json_int(out, "count", (int64_t)len);
    sw_json_bool(out, "has", sw_body_has(req, "list"));
    sw_json_object_end(out);
    return SW_OK;
}

static sw_status put_raw(sw_request *req)
{
    sw_str raw = sw_body_raw(req);

    if (raw.len == 0)
        sw_reply_empty(req, 204);
    else
        sw_reply_bytes(req, 200, "application/x-wide", raw.at, raw.len);
    return SW_OK;
}

static sw_status get_refusal(sw_request *req)
{
    sw_status status = sw_fail(req, SW_BUSY, "wide_busy", "come back in %d s", 9);

    sw_fail_detail(req, "%s", "said in full");
    sw_fail_retry_after(req, 9);
    return status;
}

/* ---- data, second half: steps and queries ---- */

static sw_status refuse_twin(sw_tx *tx, const char *word)
{
    sw_db *db = sw_tx_db(tx);
    char *first = (char *)sw_db_alloc(db, 1, 64);
    char *rule = sw_db_strdup(db, sw_db_conflict(db));

    if (!first || !rule)
        return SW_NO_MEMORY;
    first[0] = word[0];
    return sw_fail(sw_tx_request(tx), SW_CONFLICT, "wide_taken", "%s by %s", rule, first);
}

static void committed(void *state, void *arg)
{
    (void)arg;
    count(&((wide *)state)->committed);
}

static sw_status add_row(sw_tx *tx, void *arg)
{
    const char *word = (const char *)arg;
    const sw_value *two = sw_json_parse_tx(tx, "[2]", 3);
    sw_json *made = sw_json_new_tx(tx);
    int64_t changes = 0, *kept = (int64_t *)sw_tx_alloc(tx, 1, sizeof *kept);

    sw_json_double(made, NULL, (double)sw_value_int(sw_value_at(two, 0), 0));
    sw_str bytes = sw_json_str(made);
    sw_status added = sw_tx_exec(tx, ADD, &changes, "sdbn", word, 0.5, (const void *)bytes.at, bytes.len);
    if (added == SW_CONFLICT)
        return refuse_twin(tx, word);
    SW_TRY(added);
    if (!kept)
        return SW_NO_MEMORY;
    *kept = sw_tx_last_id(tx);
    wide_event event = { (uint32_t)sizeof event, *kept };
    SW_TRY(sw_tx_publish(tx, "wide.stored", &event, sizeof event));
    sw_tx_on_commit(tx, committed, kept);
    sw_tx_user_changed(tx, 4242, false);
    sw_json *out = sw_tx_reply(tx, 201);
    sw_json_object_begin(out, NULL);
    sw_json_int(out, "id", *kept);
    sw_json_int(out, "changes", changes);
    sw_json_bool(out, "now", sw_tx_now(tx) > 0 && sw_tx_host(tx) == ((wide *)sw_tx_state(tx))->host);
    sw_json_object_end(out);
    return SW_OK;
}

static sw_status post_row(sw_request *req)
{
    const char *word = sw_body_text(req, "word", 1, 20);

    SW_TRY(sw_check(req));
    return sw_write(req, add_row, (void *)word);
}

static sw_status get_rows(sw_request *req)
{
    const char *word = sw_query_text(req, "word", 20, NULL);
    int64_t after = sw_query_int(req, "after", 0, 0, INT64_MAX);
    sw_rows *rows;

    SW_TRY(sw_check(req));
    SW_TRY(sw_db_query(sw_request_db(req), LIST, (word ? 1u : 0u) | (after ? 2u : 0u), &rows, "si", word, after));
    sw_json *out = sw_reply_json(req, 200);
    sw_json_array_begin(out, NULL);
    while (sw_rows_next(rows)) {
        sw_str bytes = sw_rows_view(rows, 3);
        sw_json_object_begin(out, NULL);
        sw_json_int(out, "id", sw_rows_int(rows, 0));
        sw_json_column(out, "word", rows, 1);
        sw_json_text(out, "again", sw_rows_text(rows, 1));
        sw_json_double(out, "real", sw_rows_double(rows, 2));
        sw_json_textn(out, "bytes", bytes.at, bytes.len);
        sw_json_bool(out, "nothing", sw_rows_null(rows, 4));
        sw_json_object_end(out);
    }
    sw_json_array_end(out);
    return sw_rows_done(rows);
}

/* ---- events ---- */

static sw_status in_tx(sw_tx *tx, const void *data)
{
    const wide_event *event = (const wide_event *)data;

    if (event->size != sizeof *event || event->row <= 0)
        return SW_INTERNAL;
    count(&((wide *)sw_tx_state(tx))->in_tx);
    return SW_OK;
}

static sw_status after(sw_request *req, const void *data)
{
    if (((const wide_event *)data)->row > 0)
        count(&((wide *)sw_request_state(req))->after);
    return SW_OK;
}

static sw_status get_counts(sw_request *req)
{
    const wide *w = (const wide *)sw_request_state(req);
    sw_json *out = sw_reply_json(req, 200);

    sw_json_object_begin(out, NULL);
    sw_json_int(out, "committed", counted(&w->committed));
    sw_json_int(out, "in_tx", counted(&w->in_tx));
    sw_json_int(out, "after", counted(&w->after));
    sw_json_object_end(out);
    return SW_OK;
}

/* ---- what the plugin declares ---- */

#define ROUTE(verb, where, who, on, fn) \
    { .method = verb, .path = where, .access = who, .lane = on, .handle = fn, .summary = "One of wide's." }

static const sw_route ROUTES[] = {
    ROUTE(SW_GET, "/api/wide/request/:id/:word", SW_SIGNED_IN, SW_LANE_WORKER, get_request),
    ROUTE(SW_POST, "/api/wide/body", SW_HUMAN, SW_LANE_WORKER, post_body),
    ROUTE(SW_GET, "/api/wide/refusal", SW_PUBLIC, SW_LANE_WORKER, get_refusal),
    ROUTE(SW_GET, "/api/wide/rows", SW_SIGNED_IN, SW_LANE_WORKER, get_rows),
    ROUTE(SW_POST, "/api/wide/rows", SW_ADMIN, SW_LANE_WORKER, post_row),
    ROUTE(SW_GET, "/api/wide/counts", SW_SIGNED_IN, SW_LANE_WORKER, get_counts),
    { .method = SW_PUT, .path = "/api/wide/raw", .access = SW_PUBLIC, .lane = SW_LANE_WORKER, .handle = put_raw,
      .summary = "Says it again.", .flags = SW_ROUTE_RAW_BODY | SW_ROUTE_LARGE_BODY, .request = "text", .response = "text" },
};

static const sw_subscription SUBSCRIPTIONS[] = {
    { .event = "wide.stored", .in_tx = in_tx, .after = after },
};

static sw_status start(sw_host *host, void **ret_state)
{
    wide *w = (wide *)calloc(1, sizeof *w);

    if (!w)
        return SW_NO_MEMORY;
    w->host = host;
    *ret_state = w;
    return SW_OK;
}

const sw_plugin sw_plugin_v1 = {
    .magic = SW_PLUGIN_MAGIC, .abi_major = SW_ABI_MAJOR, .abi_minor = SW_ABI_MINOR, .size = sizeof(sw_plugin),
    .name = "wide", .version = "1.0.0", .license = "MIT", .summary = "Calls what there is for requests and data.",
    .migrations = SW_TABLE(MIGRATIONS),
    .statements = SW_TABLE(STATEMENTS),
    .routes = SW_TABLE(ROUTES),
    .subscriptions = SW_TABLE(SUBSCRIPTIONS),
    .start = start,
    .stop = free,
};
