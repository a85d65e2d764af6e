/* The integration log, from a step and from anywhere else. */
#include "common/utf8.h"
#include "store.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DETAIL_MAX = 1023 };

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
