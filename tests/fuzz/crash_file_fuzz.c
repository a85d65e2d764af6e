/* The crash file, which a start reads whatever happened to it: any bytes give records or are passed over, and a record,
 * of any content, is written as one line that reads the same again. */
#include "core/crash/crashes.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_record(const crash_record *r)
{
    char line[CRASH_LINE_MAX], again[CRASH_LINE_MAX], text[CRASH_TEXT_MAX];
    crash_record back;
    size_t len = crash_record_write(r, line);
    if (len >= sizeof line || memchr(line, '\n', len) != line + len - 1)
        abort();
    if (!crash_record_read(line, len - 1, &back))
        abort();
    if (crash_record_write(&back, again) != len || memcmp(line, again, len) != 0)
        abort();
    crash_describe(&back, text);
}

/* A record of whatever the bytes hold, as broken memory would give it. */
static void check_any_record(const uint8_t *data, size_t size)
{
    crash_record r = {.word = 0};
    memcpy(&r, data, size < sizeof r ? size : sizeof r);
    r.word = CRASH_HAPPENED;
    int64_t *const numbers[] = {&r.at_ms, &r.signal, &r.code, &r.sender, &r.guessed, &r.vital};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (*numbers[i] == INT64_MIN) /* the one number that has no opposite */
            *numbers[i] = 0;
    check_record(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    crash_history *h = calloc(1, sizeof *h);
    if (!h)
        return 0;
    crash_history_read(h, (const char *)data, size);
    for (unsigned i = 0; i < h->count; i++)
        check_record(&h->records[i]);
    (void)crash_history_unseen(h);
    crash_tally all = crash_history_tally(h, "crashing", NULL, 1795450509637, 600000);
    if ((all.count == 0) != (all.last == NULL) || all.count > h->count)
        abort();
    check_any_record(data, size);
    free(h);
    return 0;
}
