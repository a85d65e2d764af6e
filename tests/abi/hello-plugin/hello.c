/* hello: the template of a module. One option, one table, two routes, one subscription.
 *
 *   GET  /api/hello         how often each user was greeted
 *   POST /api/hello         greets the caller, durably
 *
 * Needs nothing but the installed headers. */
#include <stdlib.h>
#include <steward/plugin.h>
#include <string.h>

/* ---- option: [plugin:hello] greeting = … ---- */

static const sw_option OPTIONS[] = {
    {.name = "greeting",
     .type = SW_OPTION_STRING,
     .default_value = "Hello",
     .min = 1,
     .max = 64,
     .summary = "The word that greets."},
};

/* ---- table ---- */

static const sw_migration MIGRATIONS[] = {
    {"0001_greetings", "CREATE TABLE hello_greetings (user_id INTEGER PRIMARY KEY, name TEXT NOT NULL,"
                       " count INTEGER NOT NULL) STRICT"},
    {"0002_messages",
     "CREATE TABLE hello_seen (one INTEGER PRIMARY KEY CHECK (one = 1), messages INTEGER NOT NULL) STRICT;"
     "INSERT INTO hello_seen VALUES (1, 0)"},
};

enum { GREET, LIST, SEEN, COUNT_MESSAGE, RESET_GREETINGS, RESET_SEEN };

static const sw_statement STATEMENTS[] = {
    [GREET] = {"greet",
               "INSERT INTO hello_greetings VALUES (?1, ?2, 1)"
               " ON CONFLICT (user_id) DO UPDATE SET count = count + 1 RETURNING count",
               NULL},
    [LIST] = {"list", "SELECT name, count FROM hello_greetings ORDER BY user_id", NULL},
    [SEEN] = {"seen", "SELECT messages FROM hello_seen", NULL},
    [COUNT_MESSAGE] = {"count_message", "UPDATE hello_seen SET messages = messages + 1", NULL},
    [RESET_GREETINGS] = {"reset_greetings", "DELETE FROM hello_greetings", NULL},
    [RESET_SEEN] = {"reset_seen", "UPDATE hello_seen SET messages = 0", NULL},
};

/* ---- GET /api/hello: on a worker, with a read connection ---- */

static sw_status get_hello(sw_request *req)
{
    sw_rows *rows;
    sw_json *out = sw_reply_json(req, 200);

    sw_json_object_begin(out, NULL);
    SW_TRY(sw_db_query(sw_request_db(req), &STATEMENTS[SEEN], 0, &rows, ""));
    if (sw_rows_next(rows))
        sw_json_int(out, "messages_seen", sw_rows_int(rows, 0));
    SW_TRY(sw_rows_done(rows));

    sw_json_array_begin(out, "greeted");
    SW_TRY(sw_db_query(sw_request_db(req), &STATEMENTS[LIST], 0, &rows, ""));
    while (sw_rows_next(rows)) {
        sw_json_object_begin(out, NULL);
        sw_json_column(out, "name", rows, 0);
        sw_json_int(out, "count", sw_rows_int(rows, 1));
        sw_json_object_end(out);
    }
    sw_json_array_end(out);
    sw_json_object_end(out);
    return sw_rows_done(rows);
}

/* ---- POST /api/hello: check on a worker, then write on the writer ---- */

typedef struct {
    const char *text;
} greeting;

static sw_status greet_step(sw_tx *tx, void *arg)
{
    const greeting *g = arg;
    const sw_principal *who = sw_request_principal(sw_tx_request(tx));
    int64_t count = 0;
    sw_rows *rows;

    SW_TRY(sw_db_query(sw_tx_db(tx), &STATEMENTS[GREET], 0, &rows, "is", who->user_id, who->name));
    if (sw_rows_next(rows))
        count = sw_rows_int(rows, 0);
    SW_TRY(sw_rows_done(rows));

    sw_json *out = sw_tx_reply(tx, 201);
    sw_json_object_begin(out, NULL);
    sw_json_text(out, "text", g->text);
    sw_json_int(out, "count", count);
    sw_json_object_end(out);
    return SW_OK;
}

static sw_status post_hello(sw_request *req)
{
    const char *word = sw_body_text_or(req, "word", 64, sw_option_text(sw_request_host(req), "greeting"));
    greeting *g = sw_alloc(req, 1, sizeof *g);

    SW_TRY(sw_check(req));
    if (!g)
        return SW_NO_MEMORY;
    g->text = sw_printf(req, "%s, %s!", word, sw_request_principal(req)->name);
    return g->text ? sw_write(req, greet_step, g) : SW_NO_MEMORY;
}

static const sw_route ROUTES[] = {
    {.method = SW_GET,
     .path = "/api/hello",
     .access = SW_SIGNED_IN,
     .lane = SW_LANE_WORKER,
     .handle = get_hello,
     .summary = "Who was greeted, how often.",
     .response = "{\"messages_seen\":0,\"greeted\":[]}"},
    {.method = SW_POST,
     .path = "/api/hello",
     .access = SW_SIGNED_IN,
     .lane = SW_LANE_WORKER,
     .handle = post_hello,
     .summary = "Greets the caller.",
     .request = "{\"word\":\"Hi\"}",
     .response = "{\"text\":\"Hi, admin!\",\"count\":1}"},
};

/* ---- events: inside the transaction of whoever stored a message ---- */

static sw_status on_message(sw_tx *tx, const void *data)
{
    const sw_message_event *m = data;

    if (strcmp(m->level, "HELLO") != 0)
        return SW_OK;
    return sw_tx_exec(tx, &STATEMENTS[COUNT_MESSAGE], NULL, "");
}

static sw_status on_reset(sw_tx *tx, const void *data)
{
    (void)data;
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[RESET_GREETINGS], NULL, ""));
    return sw_tx_exec(tx, &STATEMENTS[RESET_SEEN], NULL, "");
}

static const sw_subscription SUBSCRIPTIONS[] = {
    {.event = SW_EVENT_MESSAGE_STORED, .in_tx = on_message},
    {.event = SW_EVENT_STORE_RESET, .in_tx = on_reset},
};

const sw_plugin sw_plugin_v1 = {
    .magic = SW_PLUGIN_MAGIC,
    .abi_major = SW_ABI_MAJOR,
    .abi_minor = SW_ABI_MINOR,
    .size = sizeof(sw_plugin),
    .name = "hello",
    .version = "1.0.0",
    .license = "MIT",
    .summary = "Greets, and counts.",
    .options = SW_TABLE(OPTIONS),
    .migrations = SW_TABLE(MIGRATIONS),
    .statements = SW_TABLE(STATEMENTS),
    .routes = SW_TABLE(ROUTES),
    .subscriptions = SW_TABLE(SUBSCRIPTIONS),
};
