/* The steady clock: the wall clock, but that it is never set back. What must end in time is measured by it, since
 * whoever sets the wall clock back would prolong it. Within a run it goes on as the machine's own clock does (which
 * counts while the machine sleeps), and follows the wall clock when that is ahead. Over restarts it goes on from a note
 * in the store: by as much as the machine's clock did, when the machine has not been started anew meanwhile; otherwise
 * to the wall clock, or, when that is behind, from where it was.
 *
 * sw_steady_ms() on any thread; notes are the writer's, once in a while with a batch that writes anyway, and at its
 * end. */
#include "core/db/db.h"
#include "core/runtime/runtime.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <steward/host.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BOOT_SIZE = 64, NOTE_SIZE = BOOT_SIZE + 64 };
static const int64_t NOTE_MAX_MS = 253402300799999; /* the year 9999 */

static const char GET_NOTE[] = "SELECT value FROM steward_core WHERE key = 'clock'";
static const char PUT_NOTE[] = "INSERT INTO steward_core (key, value) VALUES ('clock', ?1)"
                               " ON CONFLICT (key) DO UPDATE SET value = excluded.value";

/* Of the machine, since its start; counts on while it sleeps. */
static int64_t machine_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What this start of the machine is called; "-" when it does not say. */
static void boot_name(char out[BOOT_SIZE])
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? 0 : read(fd, out, BOOT_SIZE - 1);
    if (fd >= 0)
        close(fd);
    out[len > 0 ? len : 0] = '\0';
    out[strcspn(out, " \n")] = '\0';
    if (!*out)
        memcpy(out, "-", 2);
}

/* How far the clock is ahead of the machine's. It only grows. */
static int64_t raise(runtime *rt, int64_t ahead_ms)
{
    int64_t known = atomic_load_explicit(&rt->steady_ahead_ms, memory_order_relaxed);
    while (known < ahead_ms && !atomic_compare_exchange_weak_explicit(&rt->steady_ahead_ms, &known, ahead_ms,
                                                                      memory_order_relaxed, memory_order_relaxed))
        ;
    return known < ahead_ms ? ahead_ms : known;
}

static int64_t steady_ms(runtime *rt)
{
    int64_t machine = machine_ms();
    return machine + raise(rt, sw_now_ms() - machine);
}

int64_t sw_steady_ms(const sw_host *host)
{
    return steady_ms(host->rt);
}

void steady_resume(runtime *rt, sw_db *db)
{
    char boot[BOOT_SIZE], noted_boot[BOOT_SIZE] = "", text[NOTE_SIZE];
    int64_t noted, noted_machine, machine = machine_ms();
    sqlite3_stmt *stmt = NULL;
    text[0] = '\0';
    if (sqlite3_prepare_v2(db_raw(db), GET_NOTE, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
        snprintf(text, sizeof text, "%.*s", sqlite3_column_bytes(stmt, 0), (const char *)sqlite3_column_blob(stmt, 0));
    sqlite3_finalize(stmt);
    boot_name(boot);
    if (sscanf(text, "%" SCNd64 " %" SCNd64 " %63s", &noted, &noted_machine, noted_boot) != 3 || noted < 0 ||
        noted > NOTE_MAX_MS || noted_machine < 0)
        return;
    bool same_boot = strcmp(boot, "-") != 0 && strcmp(boot, noted_boot) == 0 && noted_machine <= machine;
    (void)raise(rt, noted - (same_boot ? noted_machine : machine));
}

void steady_note(runtime *rt, sw_db *db)
{
    char boot[BOOT_SIZE], text[NOTE_SIZE];
    sqlite3_stmt *stmt = NULL;
    boot_name(boot);
    int len = snprintf(text, sizeof text, "%" PRId64 " %" PRId64 " %s", steady_ms(rt), machine_ms(), boot);
    if (sqlite3_prepare_v2(db_raw(db), PUT_NOTE, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_bind_blob(stmt, 1, text, len, SQLITE_STATIC) == SQLITE_OK)
        (void)sqlite3_step(stmt); /* what it failed of, the commit will say */
    sqlite3_finalize(stmt);
}
