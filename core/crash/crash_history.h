/* What the crash file says: who crashed, how often, and what counts against a plugin now. No I/O. */
#ifndef CORE_CRASH_CRASH_HISTORY_H
#define CORE_CRASH_CRASH_HISTORY_H

#include "core/crash/crash_record.h"

enum { CRASH_HISTORY_MAX = 256, CRASH_TEXT_MAX = 640 };

/* The newest records in the order of the file: all of them, or at least half of CRASH_HISTORY_MAX. Zeroed memory is an
 * empty history. */
typedef struct {
    crash_record records[CRASH_HISTORY_MAX];
    unsigned count;
    unsigned damaged; /* lines that were passed over */
    unsigned dropped; /* older records than fit */
} crash_history;

/* Adds the records of a text, which may be any bytes: lines that cannot be read are counted and passed over. */
void crash_history_read(crash_history *h, const char *text, size_t len);
void crash_history_add(crash_history *h, const crash_record *r);
/* The index of the first record that no start has logged yet; h->count when there is none. */
unsigned crash_history_unseen(const crash_history *h);

typedef struct {
    unsigned count;
    const crash_record *last; /* NULL when there is none */
} crash_tally;

/* The crashes that count against a plugin: of this `build` (NULL: of any), since it was last released, in the
 * `window_ms` before `now_ms`. A clock that was set back makes a crash lie in the future: it counts as long as that is
 * no further away than the window. Crashes of those who sign people in do not count while the server was serving:
 * see README.md. */
crash_tally crash_history_tally(const crash_history *h, const char *plugin, const char *build, int64_t now_ms,
                                int64_t window_ms);

/* "SIGSEGV (address 0x0) at hello.so+0x1139 in the handler of GET /api/hello". */
void crash_describe(const crash_record *r, char out[CRASH_TEXT_MAX]);

#endif
