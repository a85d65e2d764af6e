/* The integration log: what an administrator reads to see why something did not happen. Rows are added in write steps;
 * whoever is not in one asks for a step that adds the row. */
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

const sw_table STORE_LOG_STATEMENTS = SW_TABLE(STATEMENTS);

enum { DETAIL_MAX = 1023 };

sw_status log_add(sw_tx *tx, int64_t connector_id, const char *level, const char *action, const char *detail)
{
    return sw_tx_exec(tx, &STATEMENTS[ADD], NULL, "isssi", connector_id, level, action, detail, sw_tx_now(tx));
}

sw_status log_page(sw_db *db, int64_t connector_id, int64_t before, int64_t limit, sw_rows **ret)
{
    return sw_db_query(db, &STATEMENTS[PAGE], 0, ret, "iii", connector_id, before, limit);
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
