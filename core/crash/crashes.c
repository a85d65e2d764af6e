/* The crash file and what follows from it: which plugins may start, and what the crash handler must know of them.
 *
 * Main thread of a server that starts, or of `steward plugin release`; but any thread may call crashes_tally(), since
 * the tallies no longer change once the server serves, and the functions of a history, which do no I/O. The crash
 * handler writes to the file's descriptor without coming here. */
#include "core/crash/crashes.h"

#include "core/base/arena.h"
#include "core/base/log.h"
#include "core/config/option_value.h"
#include "core/crash/crash_handler.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <steward/host.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* READ_MAX: how much of the end of the file is read. ROOM_BYTES: the room kept for lines on a full disk. */
enum { READ_MAX = 512 * 1024, ROOM_BYTES = 64 * 1024, OPEN_TRIES = 20, TRY_MS = 25 };

static const char NAME[] = "crash.log", NEW_NAME[] = "crash.log.new";

_Static_assert(sizeof((crash_module *)0)->build == CRASH_BUILD_SIZE, "it fits");

struct crashes {
    crash_map map;
    crash_history history;
    int fd; /* -1: nothing is recorded */
    bool armed;
    int64_t limit, window_ms, started_ms;
    char window[32]; /* as text */
    crash_tally tallies[CRASH_MODULES_MAX];
};

/* ---- at a start: what the file says is logged ---- */

/* One line for each since the last start. */
static void log_new(const crash_history *h)
{
    char text[CRASH_TEXT_MAX], time[25];
    for (unsigned i = crash_history_unseen(h); i < h->count; i++) {
        const crash_record *r = &h->records[i];
        if (r->word != CRASH_HAPPENED)
            continue;
        crash_describe(r, text);
        sw_time_format(r->at_ms, time);
        if (strcmp(r->plugin, "core") == 0)
            log_error("crashes", "the server crashed at %s: %s", time, text);
        else
            log_error("crashes", "plugin %s%s%s crashed the server at %s: %s", r->plugin, *r->version ? " " : "",
                      r->version, time, text);
    }
}

/* Says so in the file as well: the next start begins behind it. */
static void mark_seen(crashes *c)
{
    crash_record seen = {.word = CRASH_SEEN, .at_ms = c->started_ms};
    bool news = false;
    for (unsigned i = crash_history_unseen(&c->history); i < c->history.count; i++)
        news = news || c->history.records[i].word == CRASH_HAPPENED;
    if (news && !crash_file_append(c->fd, &seen))
        log_warn("crashes", "crash.log cannot be written: the crashes above will be logged again");
}

static void open_file(crashes *c, const char *data_dir)
{
    char error[CRASH_FILE_ERROR_MAX];
    c->fd = crash_file_open(data_dir, true, &c->history, error);
    if (c->fd < 0) {
        log_warn("crashes", "%s", error);
        return;
    }
    if (c->history.damaged)
        log_warn("crashes", "%u damaged lines of crash.log are passed over", c->history.damaged);
    bool trim = crash_file_overgrown(c->fd, &c->history);
    if (trim && !crash_file_trim(data_dir, &c->history, &c->fd))
        log_warn("crashes", "crash.log cannot be shortened");
    crash_file_unlock(c->fd);
    log_new(&c->history);
    mark_seen(c);
}

/* ---- who is where ---- */

typedef struct {
    crash_map *map;
    unsigned module; /* whose objects are new; 0: nobody's */
} look;

static bool known(const crash_map *map, const struct dl_phdr_info *o)
{
    for (unsigned i = 0; i < map->range_count; i++)
        if (map->ranges[i].base == o->dlpi_addr)
            return true;
    return false;
}

/* An object that has come since the last look: what a plugin brings along is of its doing. */
static int look_at(struct dl_phdr_info *o, size_t size, void *arg)
{
    const look *l = arg;
    crash_map *map = l->map;
    (void)size;
    if (known(map, o))
        return 0;
    const char *slash = strrchr(o->dlpi_name, '/');
    const char *name = slash ? slash + 1 : *o->dlpi_name ? o->dlpi_name : "steward";
    for (unsigned i = 0; i < o->dlpi_phnum && map->range_count < CRASH_RANGES_MAX; i++) {
        const ElfW(Phdr) *p = &o->dlpi_phdr[i];
        if (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
            continue;
        crash_range *r = &map->ranges[map->range_count];
        r->base = o->dlpi_addr;
        r->from = o->dlpi_addr + p->p_vaddr;
        r->to = r->from + p->p_memsz;
        r->module = l->module;
        crash_text(r->object, sizeof r->object, name, strlen(name));
        atomic_store_explicit(&map->range_count, map->range_count + 1, memory_order_release);
    }
    return 0;
}

static void look_around(crashes *c, unsigned module)
{
    look l = {&c->map, module};
    (void)dl_iterate_phdr(look_at, &l);
}

/* 1 + the row of a plugin; 0 when it has none. */
static unsigned row_of(const crashes *c, const void *owner)
{
    for (unsigned i = 0; c && owner && i < c->map.module_count; i++)
        if (c->map.modules[i].owner == owner)
            return i + 1;
    return 0;
}

/* ---- start and end ---- */

crashes *crashes_open(const config *options, const char *data_dir, const char *version)
{
    crashes *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    arena memory;
    arena_init(&memory, 0);
    c->started_ms = sw_now_ms();
    c->limit = config_int(options, "plugins.crash_limit");
    c->window_ms = config_int(options, "plugins.crash_window");
    const char *window = option_value_number(&memory, SW_OPTION_DURATION, c->window_ms);
    snprintf(c->window, sizeof c->window, "%s", window ? window : "");
    arena_done(&memory);
    crash_text(c->map.server, sizeof c->map.server, version, strlen(version));
    open_file(c, data_dir);
    look_around(c, 0);
    c->armed = c->fd >= 0 && crash_arm(&c->map, c->fd);
    return c;
}

void crashes_close(crashes *c)
{
    if (!c)
        return;
    if (c->armed)
        crash_disarm();
    if (c->fd >= 0)
        close(c->fd);
    free(c);
}

/* ---- who may start ---- */

/* The way out comes first: the text may be cut. */
static void explain(const crashes *c, const crash_module *m, const crash_tally *t, char why[CRASHES_WHY_MAX])
{
    char text[CRASH_TEXT_MAX];
    crash_describe(t->last, text);
    int len = snprintf(why, CRASHES_WHY_MAX,
                       "it crashed the server %u times within %s; \"steward plugin release %s\" lets it start again; "
                       "the last crash: %s",
                       t->count, c->window, m->name, text);
    if (len >= CRASHES_WHY_MAX)
        memcpy(why + CRASHES_WHY_MAX - 4, "...", 4);
}

bool crashes_admit(crashes *c, const void *owner, const char *name, const char *path, bool exempt,
                   char why[CRASHES_WHY_MAX])
{
    if (!c || c->map.module_count == CRASH_MODULES_MAX)
        return true;
    unsigned i = c->map.module_count;
    crash_module *m = &c->map.modules[i];
    *m = (crash_module){.owner = owner};
    crash_text(m->name, sizeof m->name, name, strlen(name));
    crash_build_of(path, m->build);
    c->tallies[i] = crash_history_tally(&c->history, m->name, m->build, c->started_ms, c->window_ms);
    atomic_store_explicit(&c->map.module_count, i + 1, memory_order_release);

    const crash_tally *t = &c->tallies[i];
    if (c->limit == 0 || t->count < (uint64_t)c->limit)
        return true;
    explain(c, m, t, why);
    if (exempt)
        log_warn("crashes", "plugin %s is started all the same, since it is required or this is safe mode: %s", m->name,
                 why);
    return exempt;
}

void crashes_loaded(crashes *c, const void *owner, const char *version)
{
    unsigned row = row_of(c, owner);
    if (row == 0)
        return;
    crash_module *m = &c->map.modules[row - 1];
    if (version)
        crash_text(m->version, sizeof m->version, version, strlen(version));
    look_around(c, row);
}

void crashes_vital(crashes *c, const void *owner)
{
    unsigned row = row_of(c, owner);
    if (row != 0)
        c->map.modules[row - 1].vital = true;
}

crash_tally crashes_tally(const crashes *c, const void *owner)
{
    unsigned row = row_of(c, owner);
    return row == 0 ? (crash_tally){0, NULL} : c->tallies[row - 1];
}

/* ---- the file on disk ---- */

static bool in_folder(const char *folder, const char *name, char out[PATH_MAX])
{
    int len = snprintf(out, PATH_MAX, "%s/%s", folder, name);
    return len > 0 && len < PATH_MAX;
}

static int fail(int fd, char error[CRASH_FILE_ERROR_MAX], const char *path, const char *why)
{
    snprintf(error, CRASH_FILE_ERROR_MAX, "crashes cannot be recorded in %.400s: %s", path, why);
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Is `fd` still what the path names? Somebody may have replaced it while we waited for its lock. */
static bool current(int fd, const char *path)
{
    struct stat ours, theirs;
    return fstat(fd, &ours) == 0 && stat(path, &theirs) == 0 && ours.st_ino == theirs.st_ino &&
           ours.st_dev == theirs.st_dev;
}

/* Opens and locks the file; -1: see errno. Others hold the lock for a moment only, so a start that has waited a while
 * goes on without it. */
static int open_locked(const char *path, bool make)
{
    for (int left = OPEN_TRIES;; left--) {
        int fd = open(path, O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | (make ? O_CREAT : 0), 0600);
        if (fd < 0)
            return -1;
        bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
        if ((locked || (make && left == 0)) && current(fd, path))
            return fd;
        close(fd);
        if (left == 0) {
            errno = EAGAIN;
            return -1;
        }
        if (!locked)
            (void)poll(NULL, 0, TRY_MS);
    }
}

/* A line that was cut short must not swallow the next one. */
static void end_last_line(int fd, const char *text, size_t len)
{
    if (len > 0 && text[len - 1] != '\n')
        (void)!write(fd, "\n", 1);
}

static bool read_end(int fd, off_t size, crash_history *ret)
{
    char *text = malloc(READ_MAX);
    if (!text)
        return false;
    off_t from = size > READ_MAX ? size - READ_MAX : 0;
    size_t len = 0;
    ssize_t n;
    while (len < READ_MAX && (n = pread(fd, text + len, READ_MAX - len, from + (off_t)len)) > 0)
        len += (size_t)n;
    const char *begin = text;
    if (from > 0) { /* within a line */
        const char *end = memchr(text, '\n', len);
        begin = end ? end + 1 : text + len;
    }
    crash_history_read(ret, begin, len - (size_t)(begin - text));
    end_last_line(fd, text, len);
    free(text);
    return true;
}

int crash_file_open(const char *data_dir, bool make, crash_history *ret, char error[CRASH_FILE_ERROR_MAX])
{
    char path[PATH_MAX];
    struct stat about;
    error[0] = '\0';
    if (!in_folder(data_dir, NAME, path))
        return fail(-1, error, data_dir, strerror(ENAMETOOLONG));
    int fd = open_locked(path, make);
    if (fd < 0 && errno == ENOENT && !make)
        return -1;
    if (fd < 0)
        return fail(-1, error, path, strerror(errno));
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode))
        return fail(fd, error, path, "it is no plain file");
    if (!read_end(fd, about.st_size, ret))
        return fail(fd, error, path, strerror(ENOMEM));
    (void)fallocate(fd, FALLOC_FL_KEEP_SIZE, about.st_size, ROOM_BYTES);
    return fd;
}

void crash_file_unlock(int fd)
{
    (void)flock(fd, LOCK_UN);
}

bool crash_file_append(int fd, const crash_record *r)
{
    char line[CRASH_LINE_MAX];
    size_t len = crash_record_write(r, line);
    return write(fd, line, len) == (ssize_t)len;
}

bool crash_file_overgrown(int fd, const crash_history *h)
{
    struct stat about;
    bool large = fstat(fd, &about) == 0 && about.st_size > READ_MAX / 2;
    return large || h->damaged > 0 || h->dropped > 0;
}

bool crash_file_trim(const char *data_dir, const crash_history *h, int *fd)
{
    char path[PATH_MAX], fresh[PATH_MAX];
    if (!in_folder(data_dir, NAME, path) || !in_folder(data_dir, NEW_NAME, fresh))
        return false;
    (void)unlink(fresh); /* of a start that was cut off, or somebody's trap */
    int made = open(fresh, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (made < 0)
        return false;
    bool good = flock(made, LOCK_EX) == 0;
    unsigned first = h->count > CRASH_HISTORY_MAX / 2 ? h->count - CRASH_HISTORY_MAX / 2 : 0;
    for (unsigned i = first; i < h->count && good; i++)
        good = crash_file_append(made, &h->records[i]);
    good = good && fsync(made) == 0 && rename(fresh, path) == 0;
    if (!good) {
        close(made);
        (void)unlink(fresh);
        return false;
    }
    (void)fallocate(made, FALLOC_FL_KEEP_SIZE, lseek(made, 0, SEEK_END), ROOM_BYTES);
    crash_file_unlock(made);
    close(*fd);
    *fd = made;
    return true;
}

int crash_file_release(const char *data_dir, const char *name, char error[CRASH_FILE_ERROR_MAX])
{
    crash_history *h = calloc(1, sizeof *h);
    int fd = h ? crash_file_open(data_dir, false, h, error) : fail(-1, error, data_dir, strerror(ENOMEM));
    if (fd < 0) {
        free(h);
        return *error ? -1 : 0;
    }
    int count = (int)crash_history_tally(h, name, NULL, sw_now_ms(), INT64_MAX / 2).count;
    crash_record record = {.word = CRASH_RELEASED, .at_ms = sw_now_ms()};
    crash_text(record.plugin, sizeof record.plugin, name, strlen(name));
    if (count > 0 && !crash_file_append(fd, &record)) {
        snprintf(error, CRASH_FILE_ERROR_MAX, "the crash file cannot be written: %s", strerror(errno));
        count = -1;
    }
    close(fd);
    free(h);
    return count;
}

/* ---- what its lines add up to ---- */

void crash_history_add(crash_history *h, const crash_record *r)
{
    if (h->count == CRASH_HISTORY_MAX) { /* half at once, so that a long file costs no more than reading it */
        unsigned kept = CRASH_HISTORY_MAX / 2;
        memmove(&h->records[0], &h->records[h->count - kept], kept * sizeof h->records[0]);
        h->dropped += h->count - kept;
        h->count = kept;
    }
    h->records[h->count++] = *r;
}

void crash_history_read(crash_history *h, const char *text, size_t len)
{
    for (size_t from = 0, to; from < len; from = to + 1) {
        const char *end = memchr(text + from, '\n', len - from);
        crash_record r;
        to = end ? (size_t)(end - text) : len;
        if (to == from)
            continue;
        if (crash_record_read(text + from, to - from, &r))
            crash_history_add(h, &r);
        else
            h->damaged++;
    }
}

unsigned crash_history_unseen(const crash_history *h)
{
    unsigned i = h->count;
    while (i > 0 && h->records[i - 1].word != CRASH_SEEN)
        i--;
    return i;
}

crash_tally crash_history_tally(const crash_history *h, const char *plugin, const char *build, int64_t now_ms,
                                int64_t window_ms)
{
    crash_tally t = {0, NULL};
    for (unsigned i = 0; i < h->count; i++) {
        const crash_record *r = &h->records[i];
        if (strcmp(r->plugin, plugin) != 0)
            continue;
        if (r->word == CRASH_RELEASED)
            t = (crash_tally){0, NULL};
        bool counts = r->word == CRASH_HAPPENED && !r->vital && (!build || strcmp(r->build, build) == 0);
        if (counts && r->at_ms > now_ms - window_ms && r->at_ms - now_ms <= window_ms) {
            t.count++;
            t.last = r;
        }
    }
    return t;
}

/* ---- in words ---- */

static void append(char out[CRASH_TEXT_MAX], const char *format, ...) __attribute__((format(printf, 2, 3)));

static void append(char out[CRASH_TEXT_MAX], const char *format, ...)
{
    size_t len = strlen(out);
    va_list args;
    va_start(args, format);
    vsnprintf(out + len, CRASH_TEXT_MAX - len, format, args);
    va_end(args);
}

static const char *signal_name(int64_t number)
{
    static const char *const NAMES[] = {
        [SIGSEGV] = "SIGSEGV", [SIGBUS] = "SIGBUS",   [SIGILL] = "SIGILL", [SIGFPE] = "SIGFPE",
        [SIGABRT] = "SIGABRT", [SIGTRAP] = "SIGTRAP", [SIGSYS] = "SIGSYS"};
    bool known = number > 0 && number < (int64_t)(sizeof NAMES / sizeof NAMES[0]) && NAMES[number];
    return known ? NAMES[number] : "a signal";
}

/* What was called of the plugin. A part that a newer server knows is told by its name. */
static void describe_work(const crash_record *r, char out[CRASH_TEXT_MAX])
{
    static const struct {
        const char *part, *phrase;
    } PHRASES[] = {
        {"handler", "in the handler"},       {"step", "in the write step"},
        {"commit", "after the commit"},      {"subscriber", "in the subscriber"},
        {"service", "in the service"},       {"answer", "with the answer to a call"},
        {"socket", "in the callback"},       {"done", "after a write"},
        {"health", "in its health"},         {"thread", "in a thread that the server did not start"},
        {"load", "while it was loaded"},     {"start", "in start()"},
        {"prepare", "in prepare()"},         {"stop", "in stop()"},
        {"reconfigure", "in reconfigure()"}, {"switch", "while it was switched"},
    };
    const char *phrase = r->part;
    for (size_t i = 0; i < sizeof PHRASES / sizeof PHRASES[0]; i++)
        if (strcmp(PHRASES[i].part, r->part) == 0)
            phrase = PHRASES[i].phrase;
    if (*phrase)
        append(out, " %s", phrase);
    if (*r->kind || *r->name)
        append(out, " of %s%s%s", r->kind, *r->kind && *r->name ? " " : "", r->name);
}

void crash_describe(const crash_record *r, char out[CRASH_TEXT_MAX])
{
    out[0] = '\0';
    append(out, "%s", r->signal == 0 ? "exit() was called" : signal_name(r->signal));
    if (r->sender) {
        append(out, " sent by process %lld", (long long)r->sender);
        return;
    }
    if (r->code > 0 && (r->signal == SIGSEGV || r->signal == SIGBUS))
        append(out, " (address 0x%llx)", (unsigned long long)r->address);
    if (*r->place)
        append(out, " at %s", r->place);
    if (*r->caller)
        append(out, ", called from %s,", r->caller);
    describe_work(r, out);
    if (*r->thread)
        append(out, " on thread %s", r->thread);
    if (r->guessed)
        append(out, " (the plugin is a guess by what was on its stack)");
}
