/* wire: calls what ABI 1.0 has for frames and recovery. Valid C11 and C++20. No example: each route or frame calls all that
 * belongs together and shows what came of it. */
#include <steward/plugin.h>
#include <stdlib.h>

typedef struct {
    sw_host *host;
    int64_t receipts; /* the sum of their tags; changed by many threads */
} wire;

/* ---- the table: rows that recovery sends again ---- */

static const sw_migration MIGRATIONS[] = {
    { "0001_rows", "CREATE TABLE wire_rows (id INTEGER PRIMARY KEY AUTOINCREMENT, payload TEXT NOT NULL) STRICT" },
};

static const sw_statement STATEMENTS[] = {
    { "add", "INSERT INTO wire_rows (payload) VALUES (?1)", NULL },
    { "last", "SELECT coalesce(max(id), 0) FROM wire_rows", NULL },
    { "after", "SELECT id, payload FROM wire_rows WHERE id > ?1 ORDER BY id", NULL },
};
static const sw_statement *const ADD = &STATEMENTS[0], *const LAST = &STATEMENTS[1], *const AFTER = &STATEMENTS[2];

/* ---- a frame that comes in ---- */

static void write_row(sw_json *out, int64_t id, const char *payload, size_t len)
{
    sw_json_text(out, "type", "WIRE_ROW");
    sw_json_int(out, "id", id);
    sw_json_raw(out, "payload", payload, len);
}

static sw_status store_frame(sw_tx *tx, void *arg)
{
    sw_request *req = sw_tx_request(tx);
    sw_str payload = sw_frame_payload(req);
    sw_audience humans = { .size = sizeof humans };

    (void)arg;
    humans.roles = SW_ROLES_HUMAN;
    SW_TRY(sw_tx_exec(tx, ADD, NULL, "t", payload.at, payload.len));
    int64_t id = sw_tx_last_id(tx);
    sw_frame *row = sw_frame_new_tx(tx), *echo = sw_frame_new_tx(tx);
    write_row(sw_frame_json(row), id, payload.at, payload.len);
    sw_frame_mark(row, id, SW_FRAME_RECEIPT, 100 + id);
    sw_tx_send(tx, row, &humans);
    sw_json_text(sw_frame_json(echo), "type", "WIRE_ECHO");
    sw_tx_send_origin(tx, echo);
    sw_tx_ack(tx, id, sw_tx_now(tx));
    return SW_OK;
}

static sw_status on_frame(sw_request *req)
{
    const sw_principal *who = sw_request_principal(req);
    sw_str type = sw_frame_type(req), local = sw_frame_local_id(req), stream = sw_frame_stream_id(req);
    sw_audience sender = { .size = sizeof sender, .users = &who->user_id, .user_count = 1 };
    sw_audience unsized = { .size = 0, .users = &who->user_id, .user_count = 1 };

    if (!sw_frame_payload_object(req))
        return sw_fail(req, SW_INVALID, NULL, "the payload of %.*s is no object", (int)type.len, type.at);
    sw_frame *seen = sw_frame_new(req);
    sw_json *out = sw_frame_json(seen);
    sw_json_text(out, "type", "WIRE_SEEN");
    sw_json_object_begin(out, "payload");
    sw_json_textn(out, "local", local.at ? local.at : "", local.len);
    sw_json_bool(out, "streamed", stream.at != NULL);
    sw_json_int(out, "target", sw_frame_target(req));
    sw_json_int(out, "conversation", sw_frame_conversation(req));
    sw_json_object_end(out);
    sw_frame_mark(seen, 0, SW_FRAME_DROPPABLE, 0);
    sw_send(req, seen, &unsized);
    sw_send(req, seen, &sender);
    return sw_write(req, store_frame, NULL);
}

/* ---- recovery ---- */

static sw_status last_id(sw_request *req, int64_t *ret_id)
{
    sw_rows *rows;

    SW_TRY(sw_db_query(sw_request_db(req), LAST, 0, &rows, ""));
    *ret_id = sw_rows_next(rows) ? sw_rows_int(rows, 0) : 0;
    return sw_rows_done(rows);
}

static sw_status complete_since(sw_request *req, int64_t after, bool *ret_complete)
{
    (void)req;
    *ret_complete = after >= 0;
    return SW_OK;
}

static sw_status page(sw_request *req, int64_t after, sw_replay_out *out, bool *ret_more)
{
    sw_rows *rows;

    *ret_more = false;
    SW_TRY(sw_db_query(sw_request_db(req), AFTER, 0, &rows, "i", after));
    while (!*ret_more && sw_rows_next(rows)) {
        sw_str payload = sw_rows_view(rows, 1);
        *ret_more = sw_replay_full(out);
        if (!*ret_more)
            write_row(sw_replay_frame(out, sw_rows_int(rows, 0), 0, 0), sw_rows_int(rows, 0), payload.at, payload.len);
    }
    return sw_rows_done(rows);
}

static sw_status greet(sw_request *req, bool hello, int64_t since, int64_t cursor, sw_replay_out *out, int64_t *ret_cursor,
                       bool *ret_more)
{
    sw_json *welcome = sw_replay_frame(out, 0, 0, 0);

    (void)req;
    sw_json_text(welcome, "type", "WIRE_WELCOME");
    sw_json_object_begin(welcome, "payload");
    sw_json_bool(welcome, "hello", hello);
    sw_json_int(welcome, "since", since);
    sw_json_object_end(welcome);
    *ret_cursor = cursor;
    *ret_more = false;
    return SW_OK;
}

static sw_status receipt(sw_request *req)
{
    __atomic_add_fetch(&((wire *)sw_request_state(req))->receipts, sw_request_tag(req), __ATOMIC_RELAXED);
    return SW_OK;
}

static const sw_recovery RECOVERY = {
    .size = sizeof RECOVERY, .last_id = last_id, .complete_since = complete_since, .page = page, .greet = greet,
    .greet_roles = SW_ROLE_BIT(SW_ROLE_AGENT), .greet_hello_roles = SW_ROLES_HUMAN, .receipt = receipt,
};

/* ---- sockets from outside ---- */

static sw_status get_online(sw_request *req)
{
    const wire *w = (const wire *)sw_request_state(req);
    sw_json *out = sw_reply_json(req, 200);

    sw_json_object_begin(out, NULL);
    sw_json_bool(out, "online", sw_user_online(w->host, sw_request_principal(req)->user_id));
    sw_json_int(out, "receipts", __atomic_load_n(&w->receipts, __ATOMIC_RELAXED));
    sw_json_object_end(out);
    return SW_OK;
}

static sw_status close_step(sw_tx *tx, void *arg)
{
    (void)arg;
    sw_tx_close_all(tx, 4010, "wire says so");
    sw_json_null(sw_tx_reply(tx, 200), NULL);
    return SW_OK;
}

static sw_status post_close(sw_request *req)
{
    return sw_write(req, close_step, NULL);
}

/* ---- what the plugin declares ---- */

static const sw_route ROUTES[] = {
    { .method = SW_GET, .path = "/api/wire/online", .access = SW_ADMIN, .lane = SW_LANE_LOOP, .handle = get_online,
      .summary = "Has the caller a socket?" },
    { .method = SW_POST, .path = "/api/wire/close", .access = SW_ADMIN, .lane = SW_LANE_WORKER, .handle = post_close,
      .summary = "Closes every socket." },
};

static const sw_frame_handler FRAMES[] = {
    { .type = "WIRE", .roles = SW_ROLES_ALL, .lane = SW_LANE_WORKER, .handle = on_frame, .summary = "Stored, and sent on." },
};

static sw_status start(sw_host *host, void **ret_state)
{
    wire *w = (wire *)calloc(1, sizeof *w);

    if (!w)
        return SW_NO_MEMORY;
    w->host = host;
    *ret_state = w;
    return SW_OK;
}

const sw_plugin sw_plugin_v1 = {
    .magic = SW_PLUGIN_MAGIC, .abi_major = SW_ABI_MAJOR, .abi_minor = SW_ABI_MINOR, .size = sizeof(sw_plugin),
    .name = "wire", .version = "1.0.0", .license = "MIT", .summary = "Calls what there is for frames and recovery.",
    .migrations = SW_TABLE(MIGRATIONS), .statements = SW_TABLE(STATEMENTS), .routes = SW_TABLE(ROUTES),
    .frames = SW_TABLE(FRAMES), .recovery = &RECOVERY, .start = start, .stop = free,
};
