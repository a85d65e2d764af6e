/* @NAME@: every user can keep short texts. Change it into what you need; steward-plugin(7) explains every part.
 *
 *   POST /api/@NAME@   {"text":"…"} keeps a text; one that is kept already is a 409
 *   GET  /api/@NAME@   lists the texts of the caller, newest first: ?limit=50&before=ID
 */
#include <steward/plugin.h>

/* ---- options: [plugin:@NAME@] in steward.conf ---- */

static const sw_option OPTIONS[] = {
    {.name = "per_user",
     .type = SW_OPTION_INT,
     .default_value = "100",
     .min = 1,
     .max = 100000,
     .flags = SW_OPTION_LIVE,
     .summary = "How many texts one user may keep."},
};

/* ---- table: never edit a migration that was released; add another one ---- */

static const sw_migration MIGRATIONS[] = {
    {.name = "0001_items",
     .sql = "CREATE TABLE @ID@_items ("
            " id INTEGER PRIMARY KEY AUTOINCREMENT,"
            " user_id INTEGER NOT NULL,"
            " text TEXT NOT NULL,"
            " created_ms INTEGER NOT NULL,"
            " UNIQUE (user_id, text)) STRICT"},
};

/* ---- statements: each is named by its address, and values are bound ---- */

enum { COUNT, INSERT, PAGE, CLEAR, CLEAR_IDS };

static const sw_statement STATEMENTS[] = {
    [COUNT] = {.name = "count", .sql = "SELECT count(*) FROM @ID@_items WHERE user_id = ?1"},
    [INSERT] = {.name = "insert", .sql = "INSERT INTO @ID@_items (user_id, text, created_ms) VALUES (?1, ?2, ?3)"},
    [PAGE] = {.name = "page",
              .sql = "SELECT id, text, created_ms FROM @ID@_items WHERE user_id = ?1 AND id < ?2"
                     " ORDER BY id DESC LIMIT ?3"},
    [CLEAR] = {.name = "clear", .sql = "DELETE FROM @ID@_items"},
    [CLEAR_IDS] = {.name = "clear_ids", .sql = "DELETE FROM sqlite_sequence WHERE name = '@ID@_items'"},
};

/* ---- GET: on a worker, with a read connection ---- */

static sw_status get_items(sw_request *req)
{
    int64_t limit = sw_query_int(req, "limit", 50, 1, 200);
    int64_t before = sw_query_int(req, "before", INT64_MAX, 1, INT64_MAX);
    SW_TRY(sw_check(req)); /* 400, naming the first parameter that is wrong */

    sw_rows *rows;
    SW_TRY(sw_db_query(sw_request_db(req), &STATEMENTS[PAGE], 0, &rows, "iii", sw_request_principal(req)->user_id,
                       before, limit));
    sw_json *out = sw_reply_json(req, 200);
    sw_json_object_begin(out, NULL);
    sw_json_array_begin(out, "items");
    while (sw_rows_next(rows)) {
        sw_json_object_begin(out, NULL);
        sw_json_int(out, "id", sw_rows_int(rows, 0));
        sw_json_column(out, "text", rows, 1);
        sw_json_time(out, "created_at", sw_rows_int(rows, 2));
        sw_json_object_end(out);
    }
    sw_json_array_end(out);
    sw_json_object_end(out);
    return sw_rows_done(rows);
}

/* ---- POST: checked on a worker, written on the one writer ---- */

typedef struct {
    const char *text;
    int64_t per_user;
} new_item;

/* A step sees every earlier write, so that it is safe to count first and then to insert. */
static sw_status insert_step(sw_tx *tx, void *arg)
{
    const new_item *item = arg;
    sw_request *req = sw_tx_request(tx);
    int64_t user_id = sw_request_principal(req)->user_id, count = 0;

    sw_rows *rows;
    SW_TRY(sw_db_query(sw_tx_db(tx), &STATEMENTS[COUNT], 0, &rows, "i", user_id));
    if (sw_rows_next(rows))
        count = sw_rows_int(rows, 0);
    SW_TRY(sw_rows_done(rows));
    if (count >= item->per_user)
        return sw_fail(req, SW_FORBIDDEN, NULL, "%lld texts are kept already", (long long)count);

    sw_status status = sw_tx_exec(tx, &STATEMENTS[INSERT], NULL, "isi", user_id, item->text, sw_tx_now(tx));
    if (status == SW_CONFLICT)
        return sw_fail(req, SW_CONFLICT, NULL, "this text is kept already");
    SW_TRY(status);

    sw_json *out = sw_tx_reply(tx, 201); /* leaves when the write is durable */
    sw_json_object_begin(out, NULL);
    sw_json_int(out, "id", sw_tx_last_id(tx));
    sw_json_text(out, "text", item->text);
    sw_json_time(out, "created_at", sw_tx_now(tx));
    sw_json_object_end(out);
    return SW_OK;
}

static sw_status post_item(sw_request *req)
{
    const char *text = sw_body_text(req, "text", 1, 500);
    SW_TRY(sw_check(req));

    new_item *item = sw_alloc(req, 1, sizeof *item); /* freed with the request */
    if (!item)
        return SW_NO_MEMORY;
    item->text = text;
    item->per_user = sw_option_int(sw_request_host(req), "per_user");
    return sw_write(req, insert_step, item);
}

static const sw_route ROUTES[] = {
    {.method = SW_GET,
     .path = "/api/@NAME@",
     .access = SW_SIGNED_IN,
     .lane = SW_LANE_WORKER,
     .handle = get_items,
     .summary = "Lists the caller's texts, newest first.",
     .response = "{\"items\":[]}"},
    {.method = SW_POST,
     .path = "/api/@NAME@",
     .access = SW_SIGNED_IN,
     .lane = SW_LANE_WORKER,
     .handle = post_item,
     .summary = "Keeps a text.",
     .request = "{\"text\":\"milk\"}",
     .response = "{\"id\":1,\"text\":\"milk\"}"},
};

/* ---- events: when a development server is emptied, so is this plugin ---- */

static sw_status on_reset(sw_tx *tx, const void *data)
{
    (void)data;
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[CLEAR], NULL, ""));
    return sw_tx_exec(tx, &STATEMENTS[CLEAR_IDS], NULL, "");
}

static const sw_subscription SUBSCRIPTIONS[] = {
    {.event = SW_EVENT_STORE_RESET, .in_tx = on_reset},
};

/* ---- the plugin: the one symbol that the server looks for ---- */

const sw_plugin sw_plugin_v1 = {
    SW_PLUGIN_HEAD,
    .name = "@NAME@",
    .version = "0.1.0",
    .license = "MIT",
    .summary = "Keeps short texts.",
    .options = SW_TABLE(OPTIONS),
    .migrations = SW_TABLE(MIGRATIONS),
    .statements = SW_TABLE(STATEMENTS),
    .routes = SW_TABLE(ROUTES),
    .subscriptions = SW_TABLE(SUBSCRIPTIONS),
};
