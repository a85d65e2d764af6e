/* Which plugins may start, judged by the crash file, and what the crash handler must know of them. Main thread, but for
 * crashes_tally(), which any thread may call: the tallies no longer change once the server serves. */
#include "core/crash/crashes.h"

#include "core/base/arena.h"
#include "core/base/log.h"
#include "core/config/option_value.h"
#include "core/crash/crash_file.h"
#include "core/crash/crash_handler.h"

#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUILD_BYTES = 8, FILE_MAX = 256 * 1024 * 1024 };

struct crashes {
    crash_map map;
    crash_history history;
    int fd; /* -1: nothing is recorded */
    bool armed;
    int64_t limit, window_ms, started_ms;
    char window[32]; /* as text */
    crash_tally tallies[CRASH_MODULES_MAX];
};

/* ---- the file ---- */

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

static bool read_all(int fd, char *out, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = read(fd, out + done, len - done);
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

/* The first half of a digest of the file: another build of the plugin is another plugin here, and gets its chance.
 * "" when it cannot be read. */
static void build_of(const char *path, char out[2 * BUILD_BYTES + 1])
{
    uint8_t digest[32];
    struct stat about;
    out[0] = '\0';
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return;
    char *bytes = NULL;
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && about.st_size > 0 && about.st_size <= FILE_MAX)
        bytes = malloc((size_t)about.st_size);
    if (bytes && read_all(fd, bytes, (size_t)about.st_size)) {
        sw_sha256(bytes, (size_t)about.st_size, digest);
        sw_hex(digest, BUILD_BYTES, out);
    }
    free(bytes);
    close(fd);
}

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
    build_of(path, m->build);
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
