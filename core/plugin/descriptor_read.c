/* A plugin's descriptor from the bytes of its file: nothing of the plugin is loaded or runs, its constructors neither.
 * Every pointer is followed only when it leads into the file's own image. What is found is read by the same rules as a
 * loaded descriptor. */
#include "core/plugin/elf_image.h"
#include "core/plugin/loader.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { TEXTS_MAX = 5, ROWS_MAX = 4096, TABLES_MAX = 64 };

/* Where the texts of a row are; a shorter row ends before some of them. */
typedef struct {
    size_t at[TEXTS_MAX];
    unsigned count;
} texts;

#define AT(type, member) offsetof(type, member)

static const struct {
    size_t table; /* in the descriptor */
    texts texts;
} TABLES[] = {
    {AT(sw_plugin, options),
     {{AT(sw_option, name), AT(sw_option, default_value), AT(sw_option, choices), AT(sw_option, summary),
       AT(sw_option, env)},
      5}},
    {AT(sw_plugin, migrations), {{AT(sw_migration, name), AT(sw_migration, sql)}, 2}},
    {AT(sw_plugin, statements), {{AT(sw_statement, name), AT(sw_statement, sql)}, 2}},
    {AT(sw_plugin, routes),
     {{AT(sw_route, path), AT(sw_route, summary), AT(sw_route, request), AT(sw_route, response)}, 4}},
    {AT(sw_plugin, frames), {{AT(sw_frame_handler, type), AT(sw_frame_handler, summary)}, 2}},
    {AT(sw_plugin, subscriptions), {{AT(sw_subscription, event)}, 1}},
    {AT(sw_plugin, housekeeping), {{AT(sw_housekeeping, name)}, 1}},
    {AT(sw_plugin, timers), {{AT(sw_timer, name)}, 1}},
    {AT(sw_plugin, provides), {{AT(sw_provided, name)}, 1}},
    {AT(sw_plugin, needs), {{AT(sw_need, name)}, 1}},
};

/* The pointer at `from`, or NULL. */
static const void *pointer_at(const char *from)
{
    const void *value;
    memcpy(&value, from, sizeof value);
    return value;
}

/* The image ends with a zero byte, and so does every text in it. */
static bool pointer_good(const elf_image *image, const char *from, size_t size)
{
    const void *to = pointer_at(from);
    return !to || elf_holds(image, to, size);
}

static bool rows_good(const elf_image *image, const sw_table *t, const texts *where)
{
    if (t->count == 0)
        return true;
    if (t->count > ROWS_MAX || !elf_holds(image, t->rows, (size_t)t->row_size * t->count))
        return false;
    for (uint32_t i = 0; i < t->count; i++)
        for (unsigned k = 0; k < where->count; k++)
            if (where->at[k] + sizeof(void *) <= t->row_size &&
                !pointer_good(image, (const char *)t->rows + (size_t)i * t->row_size + where->at[k], 1))
                return false;
    return true;
}

/* The tables of services are looked at, too: each begins with its size. */
static bool services_good(const elf_image *image, const sw_table *t)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (AT(sw_provided, table) + sizeof(void *) <= t->row_size &&
            !pointer_good(image, (const char *)t->rows + (size_t)i * t->row_size + AT(sw_provided, table),
                          sizeof(uint32_t)))
            return false;
    return true;
}

static bool statement_tables_good(const elf_image *image, const char *list)
{
    static const texts STATEMENT = {{AT(sw_statement, name), AT(sw_statement, sql)}, 2};
    for (size_t i = 0; list; i++) {
        if (i > TABLES_MAX || !elf_holds(image, list + i * sizeof(void *), sizeof(void *)))
            return false;
        const void *at = pointer_at(list + i * sizeof(void *));
        sw_table t;
        if (!at)
            return true;
        if (!elf_holds(image, at, sizeof t) || (uintptr_t)at % sizeof(void *) != 0)
            return false;
        memcpy(&t, at, sizeof t);
        if (!rows_good(image, &t, &STATEMENT))
            return false;
    }
    return true;
}

static bool aligned(const void *at)
{
    return (uintptr_t)at % sizeof(void *) == 0;
}

/* Can everything that is read of it be read? `d` has at least its head; what lies behind its size counts for nothing.
 */
static bool descriptor_good(const elf_image *image, const char *d)
{
    sw_plugin p = {0};
    uint32_t size;
    memcpy(&size, d + AT(sw_plugin, size), sizeof size);
    if (!aligned(d) || !elf_holds(image, d, size))
        return false;
    memcpy(&p, d, size < sizeof p ? size : sizeof p);
    const void *const heads[] = {p.name, p.version, p.license, p.summary};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        if (heads[i] && !elf_holds(image, heads[i], 1))
            return false;
    for (size_t i = 0; i < sizeof TABLES / sizeof TABLES[0]; i++) {
        sw_table t;
        memcpy(&t, (const char *)&p + TABLES[i].table, sizeof t);
        if (!rows_good(image, &t, &TABLES[i].texts) || !aligned(t.rows))
            return false;
    }
    if (!services_good(image, &p.provides) || !aligned(p.statement_tables))
        return false;
    uint32_t recovery = 0;
    if (p.recovery) {
        if (!aligned(p.recovery) || !elf_holds(image, p.recovery, sizeof recovery))
            return false;
        memcpy(&recovery, p.recovery, sizeof recovery);
        if (!elf_holds(image, p.recovery, recovery))
            return false;
    }
    return statement_tables_good(image, (const char *)p.statement_tables);
}

/* The server's own functions are known without loading anything; what other libraries have is not. */
static bool have(const char *symbol)
{
    return strncmp(symbol, "sw_", 3) != 0 || dlsym(RTLD_DEFAULT, symbol);
}

static void close_image(void *image)
{
    elf_close(image);
}

static bool fail(char error[LOADER_ERROR_MAX], const char *what)
{
    snprintf(error, LOADER_ERROR_MAX, "%s", what);
    return false;
}

bool loader_read(const char *dir, const char *name, arena *memory, sw_plugin *ret, char error[LOADER_ERROR_MAX])
{
    enum { HEAD = AT(sw_plugin, name) + sizeof(char *) };
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/%s.so", dir, name);
    if (!plugin_name_valid(name))
        return fail(error, "its name may hold only a-z, 0-9 and -");
    if (len < 0 || (size_t)len >= sizeof path)
        return fail(error, "the path of its file is too long");
    elf_image *image = arena_alloc(memory, sizeof *image);
    if (!image)
        return fail(error, "no memory");
    if (!elf_open(path, image, error, LOADER_ERROR_MAX))
        return false;
    if (!arena_defer(memory, close_image, image)) {
        elf_close(image);
        return fail(error, "no memory");
    }
    const char *missing = elf_missing(image, have);
    if (missing) {
        snprintf(error, LOADER_ERROR_MAX, "needs a newer server: %.100s", missing);
        return false;
    }
    const void *descriptor = elf_find(image, LOADER_SYMBOL, HEAD);
    if (!descriptor)
        return loader_no_symbol(error);
    uint32_t size = 0;
    if (!loader_head_check(descriptor, &size, error))
        return false;
    if (!descriptor_good(image, descriptor))
        return fail(error, "its descriptor does not stand in its file: code makes it, or it is damaged");
    return loader_copy(descriptor, name, memory, ret, error);
}
