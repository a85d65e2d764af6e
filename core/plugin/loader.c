/* A plugin from its file to tables of this build's sizes: dlopen, the checks of a descriptor's head, its copy, and what
 * every row must say. The rows are checked in the copy, so a row of an older header has zeros where it knew nothing. On
 * the thread that asks; what is copied belongs to the caller's arena. */
#include "core/plugin/loader.h"

#include "core/base/table.h"

#include <assert.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    DESCRIPTOR_MAX = 64 * 1024,
    TABLE_ROWS_MAX = 4096,
    TABLE_ROW_MAX = 4096,
    RECOVERY_MAX = 4096,
    STATEMENT_TABLES_MAX = 64
};

static void describe_dlerror(const char *said, char error[LOADER_ERROR_MAX]);
static bool name_check(const void *descriptor, const char *name, char error[LOADER_ERROR_MAX]);
static bool tables_copy(arena *memory, sw_plugin *p, char error[LOADER_ERROR_MAX]);
static bool statements_check(const sw_plugin *p, char error[LOADER_ERROR_MAX]);
static bool recovery_copy(arena *memory, sw_plugin *p, char error[LOADER_ERROR_MAX]);
static bool plugin_validate(const sw_plugin *p, char error[LOADER_ERROR_MAX]);
/* Writes the sentence; always false. */
static bool loader_fail(char error[LOADER_ERROR_MAX], const char *format, ...) SW_PRINTF(2, 3);

bool plugin_name_valid(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return len > 0 && len <= PLUGIN_NAME_MAX && name[len] == '\0';
}

bool loader_open(const char *dir, const char *name, arena *memory, sw_plugin *ret, void **ret_handle,
                 char error[LOADER_ERROR_MAX])
{
    if (!plugin_name_valid(name))
        return loader_fail(error, "its name may hold only a-z, 0-9 and -");
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/%s.so", dir, name);
    if (len < 0 || (size_t)len >= sizeof path)
        return loader_fail(error, "the path of its file is too long");
    if (access(path, R_OK) != 0)
        return loader_fail(error, "there is no readable file %s", path);

    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        describe_dlerror(dlerror(), error);
        return false;
    }
    *ret_handle = handle;
    const void *descriptor = dlsym(handle, LOADER_SYMBOL);
    if (!descriptor)
        return loader_no_symbol(error);
    return loader_copy(descriptor, name, memory, ret, error);
}

bool loader_copy(const void *descriptor, const char *name, arena *memory, sw_plugin *ret, char error[LOADER_ERROR_MAX])
{
    uint32_t size = 0;
    if (!loader_head_check(descriptor, &size, error) || !name_check(descriptor, name, error))
        return false;
    sw_plugin copy = {0};
    memcpy(&copy, descriptor, size < sizeof copy ? size : sizeof copy);
    copy.size = sizeof copy;
    if (!tables_copy(memory, &copy, error) || !statements_check(&copy, error) || !recovery_copy(memory, &copy, error) ||
        !plugin_validate(&copy, error))
        return false;
    *ret = copy;
    return true;
}

/* ---- how enumerators are shown to people ---- */

#define PICK(table, index) \
    ((size_t)(index) < sizeof(table) / sizeof((table)[0]) && (table)[index] ? (table)[index] : "")

const char *access_name(sw_access access)
{
    static const char *const NAMES[] = {
        [SW_PUBLIC] = "public", [SW_SIGNED_IN] = "signed in", [SW_HUMAN] = "human", [SW_ADMIN] = "admin"};
    return PICK(NAMES, access);
}

const char *lane_name(sw_lane lane)
{
    static const char *const NAMES[] = {
        [SW_LANE_WORKER] = "worker", [SW_LANE_LOOP] = "loop", [SW_LANE_HASH] = "hash", [SW_LANE_SLOW] = "slow"};
    return PICK(NAMES, lane);
}

const char *option_type_name(sw_option_type type)
{
    static const char *const NAMES[] = {
        [SW_OPTION_STRING] = "string",     [SW_OPTION_INT] = "int",   [SW_OPTION_BOOL] = "bool",
        [SW_OPTION_DURATION] = "duration", [SW_OPTION_SIZE] = "size", [SW_OPTION_LIST] = "list",
        [SW_OPTION_SECRET] = "secret",     [SW_OPTION_ENUM] = "enum"};
    return PICK(NAMES, type);
}

/* ---- the file and its descriptor ---- */

/* "…/x.so: undefined symbol: sw_new_call" → "needs a newer server: sw_new_call". */
static void describe_dlerror(const char *said, char error[LOADER_ERROR_MAX])
{
    static const char MARK[] = "undefined symbol: ";
    const char *symbol = said ? strstr(said, MARK) : NULL;
    if (!symbol) {
        loader_fail(error, "cannot be loaded: %s", said ? said : "unknown reason");
        return;
    }
    symbol += sizeof MARK - 1;
    int len = (int)strcspn(symbol, " ,(");
    if (strncmp(symbol, "sw_", 3) == 0)
        loader_fail(error, "needs a newer server: %.*s", len, symbol);
    else
        loader_fail(error, "cannot be loaded: symbol %.*s is missing", len, symbol);
}

bool loader_no_symbol(char error[LOADER_ERROR_MAX])
{
    return loader_fail(error,
                       "exports no " LOADER_SYMBOL
                       ": no plugin, or one for another major version of the ABI (this server has %u)",
                       SW_ABI_MAJOR);
}

bool loader_head_check(const void *descriptor, uint32_t *ret_size, char error[LOADER_ERROR_MAX])
{
    struct {
        uint32_t magic;
        uint16_t abi_major, abi_minor;
        uint32_t size;
    } head;
    static_assert(offsetof(sw_plugin, size) == 8 && sizeof head == 12, "the head never changes");

    memcpy(&head, descriptor, sizeof head);
    if (head.magic != SW_PLUGIN_MAGIC)
        return loader_fail(error, LOADER_SYMBOL " is no plugin descriptor (magic %08x)", (unsigned)head.magic);
    if (head.abi_major != SW_ABI_MAJOR)
        return loader_fail(error, "is built for major version %u of the plugin ABI; this server has %u",
                           (unsigned)head.abi_major, SW_ABI_MAJOR);
    if (head.abi_minor > SW_ABI_MINOR)
        return loader_fail(error, "needs a newer server: its ABI is %u.%u, this server's %u.%u",
                           (unsigned)head.abi_major, (unsigned)head.abi_minor, SW_ABI_MAJOR, SW_ABI_MINOR);
    if (head.size < offsetof(sw_plugin, options) || head.size > DESCRIPTOR_MAX)
        return loader_fail(error, "its descriptor has the impossible size %u", (unsigned)head.size);
    *ret_size = head.size;
    return true;
}

static bool name_check(const void *descriptor, const char *name, char error[LOADER_ERROR_MAX])
{
    const char *own_name;
    memcpy(&own_name, (const char *)descriptor + offsetof(sw_plugin, name), sizeof own_name);
    if (!own_name || strcmp(own_name, name) != 0)
        return loader_fail(error, "calls itself \"%.40s\", its file %s.so", own_name ? own_name : "", name);
    return true;
}

static bool table_well_formed(const sw_table *t)
{
    return t->rows && t->row_size > 0 && t->row_size % alignof(void *) == 0 && t->row_size <= TABLE_ROW_MAX &&
           t->count <= TABLE_ROWS_MAX;
}

/* One table, row by row, into rows of `host_row` bytes. */
static bool table_copy(arena *memory, sw_table *t, size_t host_row, const char *what, char error[LOADER_ERROR_MAX])
{
    if (t->count == 0) {
        *t = (sw_table){.rows = NULL, .row_size = (uint32_t)host_row, .count = 0};
        return true;
    }
    if (!table_well_formed(t))
        return loader_fail(error, "its table of %s is malformed", what);
    char *rows = arena_alloc(memory, host_row * t->count);
    if (!rows)
        return loader_fail(error, "no memory");
    size_t keep = t->row_size < host_row ? t->row_size : host_row;
    for (uint32_t i = 0; i < t->count; i++)
        memcpy(rows + i * host_row, (const char *)t->rows + (size_t)i * t->row_size, keep);
    *t = (sw_table){.rows = rows, .row_size = (uint32_t)host_row, .count = t->count};
    return true;
}

static bool tables_copy(arena *memory, sw_plugin *p, char error[LOADER_ERROR_MAX])
{
    const struct {
        sw_table *table;
        size_t row;
        const char *what;
    } tables[] = {
        {&p->options, sizeof(sw_option), "options"},
        {&p->migrations, sizeof(sw_migration), "migrations"},
        {&p->routes, sizeof(sw_route), "routes"},
        {&p->frames, sizeof(sw_frame_handler), "frames"},
        {&p->subscriptions, sizeof(sw_subscription), "subscriptions"},
        {&p->housekeeping, sizeof(sw_housekeeping), "housekeeping"},
        {&p->timers, sizeof(sw_timer), "timers"},
        {&p->provides, sizeof(sw_provided), "provided services"},
        {&p->needs, sizeof(sw_need), "needed services"},
    };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        if (!table_copy(memory, tables[i].table, tables[i].row, tables[i].what, error))
            return false;

    return true;
}

/* Statement tables stay where they are, since a statement is named by its address: they are looked at, not copied. */
static bool statement_table_check(const sw_table *t, char error[LOADER_ERROR_MAX])
{
    if (t->count == 0)
        return true;
    if (!table_well_formed(t) || t->row_size < offsetof(sw_statement, sql) + sizeof(const char *))
        return loader_fail(error, "its table of statements is malformed");
    for (uint32_t i = 0; i < t->count; i++) {
        sw_statement row;
        table_row(*t, i, &row, sizeof row);
        if (!row.name || !row.sql)
            return loader_fail(error, "statement %u has no name or no text", (unsigned)i + 1);
    }
    return true;
}

static bool statements_check(const sw_plugin *p, char error[LOADER_ERROR_MAX])
{
    if (!statement_table_check(&p->statements, error))
        return false;
    for (unsigned i = 0; p->statement_tables && p->statement_tables[i]; i++) {
        if (i == STATEMENT_TABLES_MAX)
            return loader_fail(error, "has more than %d tables of statements", STATEMENT_TABLES_MAX);
        if (!statement_table_check(p->statement_tables[i], error))
            return false;
    }
    return true;
}

static bool recovery_copy(arena *memory, sw_plugin *p, char error[LOADER_ERROR_MAX])
{
    if (!p->recovery)
        return true;
    uint32_t size = p->recovery->size;
    if (size < sizeof size || size > RECOVERY_MAX)
        return loader_fail(error, "its recovery table is malformed");
    sw_recovery *copy = arena_alloc(memory, sizeof *copy);
    if (!copy)
        return loader_fail(error, "no memory");
    memcpy(copy, p->recovery, size < sizeof *copy ? size : sizeof *copy);
    copy->size = sizeof *copy;
    p->recovery = copy;
    return true;
}

/* ---- what every row must say ---- */

static bool empty(const char *text)
{
    return !text || !*text;
}

static bool options_check(const sw_plugin *p, char error[LOADER_ERROR_MAX])
{
    const sw_option *rows = p->options.rows;
    for (uint32_t i = 0; i < p->options.count; i++) {
        const sw_option *o = &rows[i];
        if (empty(o->name) || !o->default_value || empty(o->summary))
            return loader_fail(error, "option %u lacks its name, default or sentence", (unsigned)i + 1);
        if (strcmp(o->name, "required") == 0)
            return loader_fail(error, "option \"required\" is the server's own");
        if (o->type < SW_OPTION_STRING)
            return loader_fail(error, "option %.40s has no type", o->name);
        if (o->type > SW_OPTION_ENUM)
            return loader_fail(error, "needs a newer server: the type of option %.40s", o->name);
        if (o->type == SW_OPTION_ENUM && empty(o->choices))
            return loader_fail(error, "option %.40s has no choices", o->name);
    }
    return true;
}

static bool migrations_check(const sw_plugin *p, char error[LOADER_ERROR_MAX])
{
    const sw_migration *rows = p->migrations.rows;
    for (uint32_t i = 0; i < p->migrations.count; i++)
        if (empty(rows[i].name) || empty(rows[i].sql))
            return loader_fail(error, "migration %u has no name or no text", (unsigned)i + 1);
    return true;
}

static bool routes_check(const sw_plugin *p, char error[LOADER_ERROR_MAX])
{
    const sw_route *rows = p->routes.rows;
    for (uint32_t i = 0; i < p->routes.count; i++) {
        const sw_route *r = &rows[i];
        if (empty(r->path) || r->path[0] != '/' || !r->handle)
            return loader_fail(error, "route %u lacks its path or handler", (unsigned)i + 1);
        if (r->method < SW_GET || r->access < SW_PUBLIC || r->lane < SW_LANE_WORKER)
            return loader_fail(error, "route %.80s lacks its method, access or lane", r->path);
        if (r->method > SW_DELETE || r->access > SW_ADMIN || r->lane > SW_LANE_SLOW)
            return loader_fail(error, "needs a newer server: method, access or lane of route %.80s", r->path);
    }
    return true;
}

static bool frames_check(const sw_plugin *p, char error[LOADER_ERROR_MAX])
{
    const sw_frame_handler *rows = p->frames.rows;
    for (uint32_t i = 0; i < p->frames.count; i++) {
        if (empty(rows[i].type) || !rows[i].handle || rows[i].lane < SW_LANE_WORKER)
            return loader_fail(error, "frame %u lacks its type, lane or handler", (unsigned)i + 1);
        if (rows[i].lane > SW_LANE_SLOW)
            return loader_fail(error, "needs a newer server: the lane of frame %.40s", rows[i].type);
    }
    return true;
}

static bool subscriptions_check(const sw_plugin *p, char error[LOADER_ERROR_MAX])
{
    const sw_subscription *rows = p->subscriptions.rows;
    for (uint32_t i = 0; i < p->subscriptions.count; i++) {
        const sw_subscription *s = &rows[i];
        if (empty(s->event) || (!s->in_tx && !s->after))
            return loader_fail(error, "subscription %u lacks its event or callback", (unsigned)i + 1);
        if (s->after && strcmp(s->event, SW_EVENT_TOKEN_CHANGED) == 0)
            return loader_fail(error, "%s is in_tx only: it holds a token", s->event);
        if (s->in_tx && strncmp(s->event, "socket.", 7) == 0)
            return loader_fail(error, "%.40s is after only: it belongs to no step", s->event);
    }
    return true;
}

static bool periodic_check(const sw_plugin *p, char error[LOADER_ERROR_MAX])
{
    const sw_housekeeping *work = p->housekeeping.rows;
    for (uint32_t i = 0; i < p->housekeeping.count; i++)
        if (empty(work[i].name) || work[i].every_ms <= 0 || !work[i].step)
            return loader_fail(error, "housekeeping %u lacks its name, interval or step", (unsigned)i + 1);
    const sw_timer *timers = p->timers.rows;
    for (uint32_t i = 0; i < p->timers.count; i++)
        if (empty(timers[i].name) || timers[i].every_ms <= 0 || !timers[i].run)
            return loader_fail(error, "timer %u lacks its name, interval or handler", (unsigned)i + 1);
    return true;
}

static bool services_check(const sw_plugin *p, char error[LOADER_ERROR_MAX])
{
    const sw_provided *provided = p->provides.rows;
    for (uint32_t i = 0; i < p->provides.count; i++) {
        uint32_t size = 0;
        if (empty(provided[i].name) || !strchr(provided[i].name, '/') || !provided[i].table)
            return loader_fail(error, "provided service %u lacks its name (\"users/1\") or table", (unsigned)i + 1);
        memcpy(&size, provided[i].table, sizeof size);
        if (size < sizeof(void *))
            return loader_fail(error, "the table of service %.40s does not begin with its size", provided[i].name);
    }
    const sw_need *needs = p->needs.rows;
    for (uint32_t i = 0; i < p->needs.count; i++)
        if (empty(needs[i].name))
            return loader_fail(error, "needed service %u has no name", (unsigned)i + 1);
    return true;
}

static bool plugin_validate(const sw_plugin *p, char error[LOADER_ERROR_MAX])
{
    if (empty(p->version))
        return loader_fail(error, "has no version");
    if (p->recovery &&
        (!p->recovery->last_id || !p->recovery->complete_since || !p->recovery->page || !p->recovery->greet))
        return loader_fail(error, "its recovery table lacks functions");
    return options_check(p, error) && migrations_check(p, error) && routes_check(p, error) && frames_check(p, error) &&
           subscriptions_check(p, error) && periodic_check(p, error) && services_check(p, error);
}

static bool loader_fail(char error[LOADER_ERROR_MAX], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error, LOADER_ERROR_MAX, format, args);
    va_end(args);
    return false;
}
