/* Where settings come from: the file, conf.d beside it, and the environment. On the main thread; everything is kept in
 * the memory of the object. */
#include "core/config/config_internal.h"

#include "core/base/str.h"
#include "core/config/ini.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char PREFIX[] = "STEWARD_", PLUGIN_PREFIX[] = "STEWARD_PLUGIN_";

enum { FILE_MAX = 4 * 1024 * 1024 };

/* The file being read. */
typedef struct {
    config *c;
    const char *name;
    const config_setting *before; /* the last setting of the files before it */
    bool exposed;                 /* every user may read it */
} reading;

static void read_file(config *c, const char *name);

static int is_conf(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".conf") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* alphasort() would go by the locale */
}

void config_read_files(config *c, const char *file)
{
    if (!file)
        return;
    read_file(c, file);
    const char *slash = strrchr(file, '/');
    const char *dir =
        !slash ? arena_strndup(&c->mem, "conf.d", 6) : arena_printf(&c->mem, "%.*s/conf.d", (int)(slash - file), file);
    if (!dir) {
        config_error_no_memory(c);
        return;
    }
    struct stat about;
    if (stat(dir, &about) == 0 && (about.st_mode & S_IWOTH))
        config_warn_at(c, dir, 0, "every user of this machine may put a file into this folder: chmod o-w %s", dir);
    struct dirent **names = NULL;
    int count = scandir(dir, &names, is_conf, by_bytes);
    if (count < 0 && errno != ENOENT && errno != ENOTDIR)
        config_error_at(c, dir, 0, "cannot be read: %s", strerror(errno));
    for (int i = 0; i < count; i++) {
        const char *name = arena_printf(&c->mem, "%s/%s", dir, names[i]->d_name);
        if (!name)
            config_error_no_memory(c);
        else
            read_file(c, name);
        free(names[i]);
    }
    free(names);
}

static void on_error(void *arg, int line, const char *message)
{
    reading *r = arg;
    config_error_at(r->c, r->name, line, "%s", message);
}

/* Sections of the core are known now; those of plugins are judged in config_finish(), by their settings. */
static void on_section(void *arg, int line, sw_str name)
{
    reading *r = arg;
    const char *section = arena_strndup(&r->c->mem, name.at, name.len);
    if (!section)
        config_error_no_memory(r->c);
    else if (strncmp(section, "plugin:", 7) == 0 && section[7] != '\0')
        return;
    else if (!config_section_declared(r->c, section))
        config_error_at(r->c, r->name, line, "unknown section [%s]%s", section, config_hint_section(r->c, section));
}

static void on_setting(void *arg, int line, sw_str section, sw_str key, sw_str value)
{
    reading *r = arg;
    config *c = r->c;
    config_setting *s = arena_alloc(&c->mem, sizeof *s);
    if (!s) {
        config_error_no_memory(c);
        return;
    }
    *s = (config_setting){.file = r->name,
                          .line = line,
                          .exposed = r->exposed,
                          .section = arena_strndup(&c->mem, section.at, section.len),
                          .key = arena_strndup(&c->mem, key.at, key.len),
                          .value = arena_strndup(&c->mem, value.at, value.len)};
    if (!s->section || !s->key || !s->value) {
        config_error_no_memory(c);
        return;
    }
    if (!config_section_wanted(c, s->section))
        return;
    for (const config_setting *old = !r->before ? c->settings : r->before->next; old; old = old->next)
        if (strcmp(old->section, s->section) == 0 && strcmp(old->key, s->key) == 0) {
            config_error_at(c, r->name, line, "%s is set already in line %d", s->key, old->line);
            return;
        }
    if (!c->last_setting)
        c->settings = s;
    else
        c->last_setting->next = s;
    c->last_setting = s;
}

/* The whole file into `text`; false sets errno. */
static bool read_all(const char *name, buf *text, mode_t *ret_mode)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;
    ssize_t got = 1;
    if (fd < 0)
        return false;
    if (fstat(fd, &info) != 0)
        info.st_mode = 0;
    if (S_ISDIR(info.st_mode)) {
        close(fd);
        errno = EISDIR;
        return false;
    }
    *ret_mode = S_ISREG(info.st_mode) ? info.st_mode : 0;
    while (got > 0) {
        char *at = buf_reserve(text, 16 * 1024);
        if (!at) {
            close(fd);
            errno = EFBIG;
            return false;
        }
        got = read(fd, at, 16 * 1024);
        if (got > 0)
            text->len += (size_t)got;
        else if (got < 0 && errno == EINTR)
            got = 1;
    }
    int saved = errno;
    close(fd);
    errno = saved;
    return got == 0;
}

static void read_file(config *c, const char *name)
{
    reading r = {.c = c, .name = arena_strndup(&c->mem, name, strlen(name)), .before = c->last_setting};
    const ini_reader reader = {.arg = &r, .section = on_section, .setting = on_setting, .error = on_error};
    mode_t mode = 0;
    buf text;
    buf_init(&text, FILE_MAX);
    bool good = r.name && read_all(name, &text, &mode);
    r.exposed = (mode & S_IROTH) != 0;
    if (!r.name)
        config_error_no_memory(c);
    else if (!good)
        config_error_at(c, r.name, 0, "cannot be read: %s", strerror(errno));
    if (good && (mode & S_IWOTH))
        config_warn_at(c, r.name, 0, "every user of this machine may write to this file: chmod o-w %s", r.name);
    if (good && text.len > 0)
        ini_parse(text.at, text.len, &reader);
    buf_done(&text);
}

/* ---- the environment ---- */

void config_environment_keep(config *c, char **environment)
{
    size_t count = 0;
    while (environment && environment[count])
        count++;
    c->environment = arena_alloc(&c->mem, (count + 1) * sizeof *c->environment);
    c->environment_used = arena_alloc(&c->mem, (count + 1) * sizeof *c->environment_used);
    if (!c->environment || !c->environment_used) {
        c->environment = NULL;
        config_error_no_memory(c);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        c->environment[i] = arena_strndup(&c->mem, environment[i], strlen(environment[i]));
        if (!c->environment[i]) {
            config_error_no_memory(c);
            return;
        }
    }
}

/* The index of a variable; -1 when it is not there. */
static ptrdiff_t index_of(const config *c, const char *name)
{
    size_t len = strlen(name);
    for (ptrdiff_t i = 0; c->environment && c->environment[i]; i++)
        if (strncmp(c->environment[i], name, len) == 0 && c->environment[i][len] == '=')
            return i;
    return -1;
}

/* The value of a variable; NULL when it is not there, or empty. */
static const char *value_of(const config *c, ptrdiff_t index)
{
    const char *value = index < 0 ? NULL : strchr(c->environment[index], '=') + 1;
    return !value || *value == '\0' ? NULL : value;
}

/* As value_of(), and the variable is known to name an option. */
static const char *look_up(config *c, const char *name)
{
    ptrdiff_t index = index_of(c, name);
    if (index >= 0)
        c->environment_used[index] = true;
    return value_of(c, index);
}

/* "limits.header_bytes" as STEWARD_LIMITS_HEADER_BYTES, "plugin:dev-mock.x" as STEWARD_PLUGIN_DEV_MOCK_X. */
static char *general_name(arena *mem, const char *section, const char *key)
{
    char *name = arena_printf(mem, "%s%s_%s", PREFIX, section, key);
    for (char *at = name; at && *at != '\0'; at++)
        *at = *at == ':' || *at == '-' ? '_' : str_upper(*at);
    return name;
}

const char *config_environment_value(config *c, const char *section, const sw_option *o, const char **ret_name)
{
    const char *own = !o->env ? NULL : look_up(c, o->env);
    const char *name = general_name(&c->mem, section, o->name);
    const char *general = !name ? NULL : look_up(c, name);
    const char *value = general ? general : own;
    *ret_name = general ? name : o->env;
    if (!value || o->type == SW_OPTION_SECRET)
        return value;
    sw_str bare = str_trim(str_of(value)); /* as a file's value: env files leave spaces and CRs behind */
    value = bare.len == 0 ? NULL : arena_strndup(&c->mem, bare.at, bare.len);
    return value;
}

const char *config_environment_peek(const config *c, const char *plugin, const char *key)
{
    arena mem;
    arena_init(&mem, 0);
    const char *section = arena_printf(&mem, "plugin:%s", plugin);
    const char *name = !section ? NULL : general_name(&mem, section, key);
    const char *value = !name ? NULL : value_of(c, index_of(c, name));
    arena_done(&mem);
    return value;
}

/* Does the variable belong to a plugin that exists but has declared nothing (disabled, or not usable)? Its name may
 * end at each '_'. */
static bool of_silent_plugin(config *c, const char *rest, bool (*known)(void *arg, const char *plugin), void *arg)
{
    char plugin[64];
    for (size_t i = 0; rest[i] != '\0' && rest[i] != '=' && i < sizeof plugin - 1; i++) {
        plugin[i] = '\0';
        if (rest[i] == '_' && known && known(arg, plugin)) {
            const char *section = arena_printf(&c->mem, "plugin:%s", plugin);
            if (section && !config_section_declared(c, section))
                return true;
        }
        plugin[i] = rest[i] == '_' ? '-' : str_lower(rest[i]);
    }
    return false;
}

/* The section whose variables begin as this one does ("STEWARD_SERVER_PROT": the key alone is not known), and that
 * beginning's length. NULL when there is none: then the variable is another program's, which happens to share the first
 * word. */
static const char *section_of(config *c, sw_str name, size_t *ret_stem)
{
    for (const config_entry *e = c->entries; e; e = e->next) {
        const char *stem = general_name(&c->mem, e->section, "");
        if (stem && strncmp(name.at, stem, strlen(stem)) == 0) {
            *ret_stem = strlen(stem);
            return e->section;
        }
    }
    return NULL;
}

static const char *hint(config *c, const char *section, sw_str name, size_t stem)
{
    char key[64];
    size_t len = name.len - stem;
    if (len >= sizeof key)
        return "";
    for (size_t i = 0; i < len; i++)
        key[i] = str_lower(name.at[stem + i]);
    key[len] = '\0';
    return config_hint_key(c, section, key);
}

void config_environment_check(config *c, bool (*known)(void *arg, const char *plugin), void *arg)
{
    for (size_t i = 0; c->environment && c->environment[i]; i++) {
        const char *variable = c->environment[i];
        const char *equals = strchr(variable, '=');
        if (c->environment_used[i] || !equals || strncmp(variable, PREFIX, sizeof PREFIX - 1) != 0)
            continue;
        size_t plugin_len = sizeof PLUGIN_PREFIX - 1;
        if (strncmp(variable, PLUGIN_PREFIX, plugin_len) == 0 && of_silent_plugin(c, variable + plugin_len, known, arg))
            continue;
        sw_str name = {variable, (size_t)(equals - variable)};
        size_t stem = 0;
        const char *section = section_of(c, name, &stem);
        if (!section && strncmp(variable, PLUGIN_PREFIX, plugin_len) != 0)
            continue;
        config_error_at(c, "environment", 0, "%.*s names no option%s", (int)name.len, name.at,
                        !section ? "" : hint(c, section, name, stem));
    }
}
