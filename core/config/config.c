/* The object: options that are declared, their values from the default, the files and the environment, and what the
 * rest of the server reads of them. Made and filled by the main thread; then it does not change, and any thread reads.
 */
#include "core/config/config_internal.h"

#include "core/base/address.h"
#include "core/base/log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BCRYPT_MAX = 72 }; /* bytes of a password that bcrypt looks at */

static bool declare(config *c, const char *section, const sw_option *o);
static void apply_settings(config *c, const char *section);
static void apply_environment(config *c, const char *section);
static void check_core(config *c);

config *config_new(void)
{
    config *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    arena_init(&c->mem, 0);
    buf_init(&c->errors, 0);
    buf_init(&c->warnings, 0);
    return c;
}

void config_free(config *c)
{
    if (!c)
        return;
    buf_done(&c->errors);
    buf_done(&c->warnings);
    arena_done(&c->mem);
    free(c->table);
    free(c);
}

static bool is_good(const config *c)
{
    return c->errors.len == 0 && !c->errors.failed;
}

static bool is_plugin(const char *section)
{
    return strncmp(section, "plugin:", 7) == 0;
}

bool config_load(config *c, const char *file, char **environment)
{
    for (size_t i = 0; i < CORE_SECTION_COUNT; i++)
        for (size_t k = 0; k < CORE_SECTIONS[i].count; k++)
            declare(c, CORE_SECTIONS[i].section, &CORE_SECTIONS[i].options[k]);
    config_read_files(c, file);
    config_environment_keep(c, environment);
    apply_settings(c, NULL);
    for (size_t i = 0; i < CORE_SECTION_COUNT; i++)
        if (config_section_wanted(c, CORE_SECTIONS[i].section))
            apply_environment(c, CORE_SECTIONS[i].section);
    if (!c->only)
        check_core(c);
    return is_good(c);
}

bool config_load_sections(config *c, const char *file, char **environment, const char *const *sections)
{
    c->only = sections;
    return config_load(c, file, environment);
}

void config_offer_plugin(config *c, const char *plugin)
{
    config_name *n = arena_alloc(&c->mem, sizeof *n);
    const char *name = arena_strndup(&c->mem, plugin, strlen(plugin));
    if (!n || !name)
        return; /* a hint less */
    *n = (config_name){.next = c->plugins, .name = name};
    c->plugins = n;
}

bool config_section_wanted(const config *c, const char *section)
{
    for (size_t i = 0; c->only; i++)
        if (!c->only[i])
            return false;
        else if (strcmp(c->only[i], section) == 0)
            return true;
    return true;
}

/* Every plugin has it, declared or not: config_plugin_required(). */
static const sw_option REQUIRED = {
    .name = "required",
    .type = SW_OPTION_BOOL,
    .default_value = "false",
    .summary = "The server does not start when this plugin cannot be used.",
};

bool config_declare(config *c, const char *plugin, const sw_option *rows, uint32_t row_size, uint32_t count)
{
    size_t before = c->errors.len;
    const char *section = arena_printf(&c->mem, "plugin:%s", plugin);
    if (!section) {
        config_error_no_memory(c);
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        sw_option o;
        memset(&o, 0, sizeof o); /* what a shorter row lacks reads as zero */
        memcpy(&o, (const char *)rows + (size_t)i * row_size, row_size < sizeof o ? row_size : sizeof o);
        if (!o.name || !declare(c, section, &o))
            config_add_error(c, "plugin %s: option %s is declared wrongly", plugin, !o.name ? "?" : o.name);
    }
    const char *required = arena_printf(&c->mem, "%s.required", section);
    if (required && !config_entry_find(c, required))
        declare(c, section, &REQUIRED);
    apply_settings(c, section);
    apply_environment(c, section);
    return c->errors.len == before && !c->errors.failed;
}

void config_each_undeclared(config *c, void (*each)(void *arg, const char *plugin, const char *file, int line),
                            void *arg)
{
    for (const config_setting *s = c->settings; s; s = s->next) {
        bool again = !is_plugin(s->section) || config_section_declared(c, s->section);
        for (const config_setting *before = c->settings; !again && before != s; before = before->next)
            again = strcmp(before->section, s->section) == 0;
        if (!again)
            each(arg, s->section + 7, s->file, s->line);
    }
}

bool config_finish(config *c, bool (*known)(void *arg, const char *plugin), void *arg)
{
    for (const config_setting *s = c->settings; s; s = s->next)
        if (is_plugin(s->section) && !config_section_declared(c, s->section) && (!known || !known(arg, s->section + 7)))
            config_error_at(c, s->file, s->line, "there is no plugin named %s%s", s->section + 7,
                            config_hint_section(c, s->section));
    config_environment_check(c, known, arg);
    return is_good(c);
}

/* ---- options ---- */

static size_t slot_of(const config *c, const char *name)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const char *at = name; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
    size_t mask = c->table_size - 1, slot = (size_t)(hash ^ hash >> 32) & mask;
    while (c->table[slot] && strcmp(c->table[slot]->name, name) != 0)
        slot = (slot + 1) & mask;
    return slot;
}

config_entry *config_entry_find(const config *c, const char *name)
{
    return c->table_size == 0 ? NULL : c->table[slot_of(c, name)];
}

bool config_section_declared(const config *c, const char *section)
{
    for (const config_entry *e = c->entries; e; e = e->next)
        if (strcmp(e->section, section) == 0)
            return true;
    return false;
}

/* A table at most half full. */
static bool make_room(config *c)
{
    if (2 * (c->entry_count + 1) <= c->table_size)
        return true;
    size_t size = c->table_size == 0 ? 256 : 2 * c->table_size;
    config_entry **table = calloc(size, sizeof(config_entry *));
    if (!table)
        return false;
    free(c->table);
    c->table = table;
    c->table_size = size;
    for (config_entry *e = c->entries; e; e = e->next)
        c->table[slot_of(c, e->name)] = e;
    return true;
}

/* Adds an option with its default. false when the name is taken, or the default does not fit the type. */
static bool declare(config *c, const char *section, const sw_option *o)
{
    config_entry *e = arena_alloc(&c->mem, sizeof *e);
    char *name = arena_printf(&c->mem, "%s.%s", section, o->name);
    if (!e || !name || !make_room(c)) {
        config_error_no_memory(c);
        return false;
    }
    *e = (config_entry){.section = section, .name = name, .option = *o};
    if (!e->option.default_value)
        e->option.default_value = "";
    if (e->option.type == SW_OPTION_ENUM && !e->option.choices)
        return false;
    size_t slot = slot_of(c, name);
    if (c->table[slot] || option_value_parse(&c->mem, &e->option, e->option.default_value, &e->value))
        return false;
    c->table[slot] = e;
    c->entry_count++;
    if (!c->last_entry)
        c->entries = e;
    else
        c->last_entry->next = e;
    c->last_entry = e;
    return true;
}

/* ---- values ---- */

/* A path of a file is meant from the folder of that file; of the environment (line 0) as it is. */
static const char *from_folder(config *c, const config_entry *e, const char *text, const char *file, int line)
{
    const char *slash = strrchr(file, '/');
    if ((e->option.flags & SW_OPTION_PATH) == 0 || line == 0 || text[0] == '/' || text[0] == '\0' || !slash)
        return text;
    const char *whole = arena_printf(&c->mem, "%.*s/%s", (int)(slash - file), file, text);
    if (whole && access(whole, F_OK) != 0 && access(text, F_OK) == 0)
        config_warn_at(
            c, file, line,
            "%s: a relative path is meant from the folder of this file; %s of the working folder is not used", e->name,
            text);
    return whole;
}

/* NULL when it is good, otherwise what is wrong. The text stands in `line` of `file`. */
static const char *apply(config *c, config_entry *e, const char *text, const char *file, int line)
{
    const char *meant = from_folder(c, e, text, file, line);
    const char *wrong = meant ? option_value_parse(&c->mem, &e->option, meant, &e->value) : "is too long";
    if (!wrong) {
        e->set = true;
        e->file = file;
        e->line = line;
        config_check_written(c, e, text);
    }
    return wrong;
}

/* The settings of the files for one section, or with NULL for all those of the core. Each is checked, also when a later
 * one replaces it. */
static void apply_settings(config *c, const char *section)
{
    for (const config_setting *s = c->settings; s; s = s->next) {
        if (!section ? is_plugin(s->section) : strcmp(s->section, section) != 0)
            continue;
        if (!config_section_declared(c, s->section))
            continue; /* said at its head */
        const char *name = arena_printf(&c->mem, "%s.%s", s->section, s->key);
        config_entry *e = !name ? NULL : config_entry_find(c, name);
        const char *wrong = !e ? NULL : apply(c, e, s->value, s->file, s->line);
        if (!e)
            config_error_at(c, s->file, s->line, "unknown option %s in [%s]%s", s->key, s->section,
                            config_hint_key(c, s->section, s->key));
        else if (wrong)
            config_error_at(c, s->file, s->line, "%s %s%s", s->key, wrong, config_hint_value(c, e, s->value));
        else if (s->exposed && e->option.type == SW_OPTION_SECRET && s->value[0] != '\0')
            config_warn_at(c, s->file, s->line,
                           "%s is a secret, and every user of this machine may read the file: chmod o= %s", e->name,
                           s->file);
    }
}

static void apply_environment(config *c, const char *section)
{
    for (config_entry *e = c->entries; e; e = e->next) {
        const char *variable;
        if (strcmp(e->section, section) != 0)
            continue;
        const char *text = config_environment_value(c, e->section, &e->option, &variable);
        const char *wrong = !text ? NULL : apply(c, e, text, "environment", 0);
        if (!wrong)
            continue;
        if ((e->option.flags & SW_OPTION_LENIENT) && e->option.env && strcmp(variable, e->option.env) == 0)
            log_warn("config", "environment: %s %s: it is ignored", variable, wrong);
        else
            config_error_at(c, "environment", 0, "%s %s%s", variable, wrong, config_hint_value(c, e, text));
    }
}

/* ---- rules between options, and what a type cannot say; each is here, so that `steward check` sees it ---- */

static void check_proxies(config *c)
{
    for (size_t i = 0; i < config_list_count(c, "server.trusted_proxies"); i++) {
        address_range range;
        const char *item = config_list_item(c, "server.trusted_proxies", i);
        if (!address_range_parse(item, &range))
            config_value_error(c, "server.trusted_proxies",
                               "server.trusted_proxies: %s is neither an address nor a network like 10.0.0.0/8", item);
    }
}

/* Could a browser send this as its Origin? Every origin, and all names below a host, may be given by a star. A slash at
 * the end is forgiven. */
static bool origin_possible(const char *text)
{
    if (strcmp(text, "*") == 0 || strcmp(text, "null") == 0)
        return true;
    const char *host = strstr(text, "://");
    if (!host || host == text)
        return false;
    host += 3;
    if (strncmp(host, "*.", 2) == 0)
        host += 2;
    size_t len = strcspn(host, "*/?#@ \t");
    return len > 0 && (host[len] == '\0' || strcmp(host + len, "/") == 0);
}

static void check_origins(config *c)
{
    for (size_t i = 0; i < config_list_count(c, "cors.allowed_origins"); i++) {
        const char *item = config_list_item(c, "cors.allowed_origins", i);
        if (!origin_possible(item))
            config_value_error(c, "cors.allowed_origins",
                               "cors.allowed_origins: %s is not an origin, so it would match none; write "
                               "https://host or https://host:port",
                               item);
    }
}

/* "host", "host:port", "[::1]:port", or "*.host". */
static bool host_possible(const char *text)
{
    text += strncmp(text, "*.", 2) == 0 ? 2 : 0;
    size_t len = text[0] == '[' ? strcspn(text, "]") + 1 : strcspn(text, "*/?#@[] \t:");
    const char *port = len <= strlen(text) ? text + len : "?";
    return len > 0 && (*port == '\0' || (*port == ':' && port[1] && !port[1 + strspn(port + 1, "0123456789")]));
}

static void check_hosts(config *c)
{
    for (size_t i = 0; i < config_list_count(c, "server.hosts"); i++) {
        const char *item = config_list_item(c, "server.hosts", i);
        if (!host_possible(item))
            config_value_error(c, "server.hosts",
                               "server.hosts: %s is not a host, so it would match none; write steward.example, "
                               "steward.example:8080 or *.example",
                               item);
    }
}

/* `small` must not be above `large`. */
static void check_order(config *c, const char *small, const char *large)
{
    if (config_int(c, small) > config_int(c, large))
        config_value_error(c, config_is_default(c, small) ? large : small, "%s must not be above %s", small, large);
}

/* The rules for names and passwords of users, as far as they bind the first one. */
static void check_initial_admin(config *c)
{
    static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    const char *user = config_text(c, "auth.initial_admin_user");
    if (user[strspn(user, LETTERS)] != '\0')
        config_value_error(c, "auth.initial_admin_user",
                           "auth.initial_admin_user must be letters, digits, _ . and - alone");
    if (strcmp(config_text(c, "auth.password_method"), "bcrypt") == 0 &&
        strlen(config_text(c, "auth.initial_admin_pass")) > BCRYPT_MAX)
        config_value_error(c, "auth.initial_admin_pass",
                           "auth.initial_admin_pass must not be above %d bytes with bcrypt, which ignores the rest",
                           BCRYPT_MAX);
}

static void check_core(config *c)
{
    check_initial_admin(c);
    check_proxies(c);
    check_origins(c);
    check_hosts(c);
    check_order(c, "limits.body", "limits.large_body");
    check_order(c, "ws.payload", "ws.message");
    check_order(c, "ws.ping_interval", "ws.dead_after");
}

/* ---- what the rest of the server reads ---- */

/* A name that nobody has declared is a mistake in the code: in a release it reads as empty. */
static const config_entry *entry(const config *c, const char *name)
{
    static const config_entry NONE = {.value = {.text = ""}};
    const config_entry *e = config_entry_find(c, name);
    assert(e != NULL);
    return !e ? &NONE : e;
}

const char *config_text(const config *c, const char *name)
{
    return entry(c, name)->value.text;
}

int64_t config_int(const config *c, const char *name)
{
    return entry(c, name)->value.number;
}

bool config_bool(const config *c, const char *name)
{
    return entry(c, name)->value.number != 0;
}

size_t config_list_count(const config *c, const char *name)
{
    return entry(c, name)->value.item_count;
}

const char *config_list_item(const config *c, const char *name, size_t i)
{
    const option_value *v = &entry(c, name)->value;
    return i < v->item_count ? v->items[i] : NULL;
}

static bool has_item(const option_value *v, const char *word)
{
    for (size_t i = 0; i < v->item_count; i++)
        if (strcmp(v->items[i], word) == 0)
            return true;
    return false;
}

bool config_list_has(const config *c, const char *name, const char *word)
{
    return has_item(&entry(c, name)->value, word);
}

bool config_is_default(const config *c, const char *name)
{
    return !entry(c, name)->set;
}

const char *config_find(const config *c, const char *name)
{
    const config_entry *e = config_entry_find(c, name);
    return !e ? NULL : e->value.text;
}

/* The last word on a bool of a plugin that has declared nothing, by the files and the environment. */
static bool setting_true(const config *c, const char *plugin, const char *key)
{
    const sw_option o = {.type = SW_OPTION_BOOL};
    const char *text = NULL, *variable = config_environment_peek(c, plugin, key);
    for (const config_setting *s = c->settings; s; s = s->next)
        if (is_plugin(s->section) && strcmp(s->section + 7, plugin) == 0 && strcmp(s->key, key) == 0)
            text = s->value; /* the last one counts */
    if (variable)
        text = variable;
    option_value v = {.number = 0};
    arena mem;
    arena_init(&mem, 0);
    bool yes = text && !option_value_parse(&mem, &o, text, &v) && v.number != 0;
    arena_done(&mem);
    return yes;
}

bool config_plugin_required(const config *c, const char *plugin)
{
    char name[160];
    if (has_item(&entry(c, "plugins.required")->value, plugin))
        return true;
    int len = snprintf(name, sizeof name, "plugin:%s.required", plugin);
    if (len < 0 || (size_t)len >= sizeof name)
        return false;
    const config_entry *e = config_entry_find(c, name);
    return e ? e->value.number != 0 : setting_true(c, plugin, "required");
}

void config_each(const config *c, void (*each)(void *arg, const char *section, const sw_option *o, const char *value),
                 void *arg)
{
    for (const config_entry *e = c->entries; e; e = e->next) {
        bool hidden = e->option.type == SW_OPTION_SECRET && e->value.text[0] != '\0';
        each(arg, e->section, &e->option, hidden ? "(secret)" : e->value.text);
    }
}

static bool same_value(const config_entry *a, const config_entry *b)
{
    if (!a || !b || a->option.type != b->option.type)
        return false;
    if (a->option.type == SW_OPTION_STRING || a->option.type == SW_OPTION_SECRET || a->option.type == SW_OPTION_ENUM)
        return strcmp(a->value.text, b->value.text) == 0;
    if (a->option.type != SW_OPTION_LIST)
        return a->value.number == b->value.number;
    if (a->value.item_count != b->value.item_count)
        return false;
    for (size_t i = 0; i < a->value.item_count; i++)
        if (strcmp(a->value.items[i], b->value.items[i]) != 0)
            return false;
    return true;
}

void config_compare(const config *before, const config *after, void (*each)(void *arg, const char *name, bool live),
                    void *arg)
{
    for (const config_entry *e = after->entries; e; e = e->next)
        if (!same_value(config_entry_find(before, e->name), e))
            each(arg, e->name, (e->option.flags & SW_OPTION_LIVE) != 0);
}

void config_keep_fixed(config *after, const config *before)
{
    for (config_entry *e = after->entries; e; e = e->next) {
        const config_entry *old = config_entry_find(before, e->name);
        if (!old || (e->option.flags & SW_OPTION_LIVE) != 0)
            continue;
        e->value = old->value;
        e->set = old->set;
    }
}
