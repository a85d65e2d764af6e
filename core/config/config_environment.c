#include "core/config/config_private.h"

#include "core/base/str.h"

#include <string.h>

static const char PREFIX[] = "STEWARD_", PLUGIN_PREFIX[] = "STEWARD_PLUGIN_";

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

/* The index of a variable; -1: not there. */
static ptrdiff_t index_of(const config *c, const char *name)
{
    size_t len = strlen(name);
    for (ptrdiff_t i = 0; c->environment && c->environment[i]; i++)
        if (strncmp(c->environment[i], name, len) == 0 && c->environment[i][len] == '=')
            return i;
    return -1;
}

/* The value of a variable; NULL: not there, or empty. */
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
 * beginning's length; NULL: none, so it is another program's that happens to share the first word. */
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
