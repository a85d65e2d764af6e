/* The integration log: what an administrator reads to see why something did not happen. Rows are added in write steps,
 * also by other plugins through the service feishu/1; whoever is not in one asks for a step that adds the row. A route
 * shows them. */
#include "core/common/utf8.h"
#include "feishu.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ADD, PAGE };

static const sw_statement STATEMENTS[] = {
    [ADD] = {.name = "log_add",
             .sql = "INSERT INTO feishu_logs (connector_id, level, action, detail, at_ms)"
                    " VALUES (?1, lower(?2), ?3, ?4, ?5)"},
    [PAGE] = {.name = "log_page",
              .sql = "SELECT id, level, action, detail, at_ms FROM feishu_logs WHERE connector_id = ?1 AND id < ?2"
                     " ORDER BY id DESC LIMIT ?3"},
};

const sw_table LOG_STATEMENTS = SW_TABLE(STATEMENTS);

enum { DETAIL_MAX = 1023 };

/* ---- adding ---- */

/* Adds a row as it is. */
static sw_status log_add(sw_tx *tx, int64_t connector_id, const char *level, const char *action, const char *detail)
{
    return sw_tx_exec(tx, &STATEMENTS[ADD], NULL, "isssi", connector_id, level, action, detail, sw_tx_now(tx));
}

/* One line of valid length: control characters become spaces, and a character that was cut disappears. */
static void tidy(char *text)
{
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = ' ';
    text[utf8_cut(text, strlen(text), DETAIL_MAX)] = '\0';
}

sw_status note(sw_tx *tx, int64_t connector_id, const char *level, const char *action, const char *format, ...)
{
    char detail[DETAIL_MAX + 2];
    va_list args;

    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    tidy(detail);
    return log_add(tx, connector_id, level, action, detail);
}

/* Owned by the step, freed by noted(). */
typedef struct {
    int64_t connector_id;
    const char *level, *action;  /* literals */
    char detail[DETAIL_MAX + 2]; /* one byte more shows whether a character was cut */
} pending_note;

static sw_status note_step(sw_tx *tx, void *arg)
{
    const pending_note *n = arg;

    return log_add(tx, n->connector_id, n->level, n->action, n->detail);
}

static void noted(void *arg, sw_status outcome)
{
    (void)outcome;
    free(arg);
}

void note_later(feishu *f, int64_t connector_id, const char *level, const char *action, const char *format, ...)
{
    pending_note *n = malloc(sizeof *n);
    va_list args;

    if (!n || !connector_id) {
        free(n);
        return;
    }
    *n = (pending_note){.connector_id = connector_id, .level = level, .action = action};
    va_start(args, format);
    vsnprintf(n->detail, sizeof n->detail, format, args);
    va_end(args);
    tidy(n->detail);
    if (!sw_write_later(f->host, note_step, n, noted))
        free(n);
}

/* Service "feishu/1". `self` is this plugin's state. */
static sw_status add_log(void *self, sw_tx *tx, const char *level, const char *action, const char *detail)
{
    connector c;

    SW_TRY(connector_newest(self, sw_tx_db(tx), &c));
    return log_add(tx, c.id, level, action, detail);
}

const sw_feishu_service FEISHU_SERVICE = {.size = sizeof FEISHU_SERVICE, .log = add_log};

/* ---- GET /api/integrations/feishu/:id/logs?cursor=&limit=: newest first ---- */

enum { LIMIT_DEFAULT = 20, LIMIT_MAX = 100, CURSOR_SIZE = 24 };

/* The id before which the page begins. An error is sticky. */
static int64_t read_cursor(sw_request *req)
{
    const char *text = sw_query_text(req, "cursor", CURSOR_SIZE, "");
    char *end;

    if (!*text)
        return INT64_MAX;
    long long id = strtoll(text, &end, 10);
    if (*end == '\0' && *text >= '0' && *text <= '9' && id > 0)
        return id;
    sw_invalid(req, "invalid_parameter", "invalid log cursor");
    return 0;
}

static void write_item(sw_json *out, const sw_rows *row)
{
    char id[CURSOR_SIZE];

    snprintf(id, sizeof id, "%lld", (long long)sw_rows_int(row, 0));
    sw_json_object_begin(out, NULL);
    sw_json_text(out, "id", id);
    sw_json_column(out, "level", row, 1);
    sw_json_column(out, "action", row, 2);
    sw_json_column(out, "detail", row, 3);
    sw_json_time(out, "timestamp", sw_rows_int(row, 4));
    sw_json_object_end(out);
}

sw_status get_logs(sw_request *req)
{
    feishu *f = sw_request_state(req);
    connector c;
    sw_rows *rows = NULL;
    char cursor[CURSOR_SIZE] = "";
    int64_t id = connector_path_id(req), limit = sw_query_int(req, "limit", LIMIT_DEFAULT, 1, LIMIT_MAX);
    int64_t before = read_cursor(req), count = 0, last = 0;

    SW_TRY(sw_check(req));
    SW_TRY(connector_named(f, req, sw_request_db(req), id, &c));
    SW_TRY(sw_db_query(sw_request_db(req), &STATEMENTS[PAGE], 0, &rows, "iii", id, before, limit));
    sw_json *out = sw_reply_json(req, 200);
    sw_json_object_begin(out, NULL);
    sw_json_array_begin(out, "items");
    for (; sw_rows_next(rows); count++) {
        last = sw_rows_int(rows, 0);
        write_item(out, rows);
    }
    SW_TRY(sw_rows_done(rows));
    sw_json_array_end(out);
    if (count == limit)
        snprintf(cursor, sizeof cursor, "%lld", (long long)last);
    sw_json_text(out, "cursor", cursor);
    sw_json_object_end(out);
    return SW_OK;
}
