/* What the rest of the server reads. */
#include "core/config/config_private.h"

#include <assert.h>
#include <string.h>

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

bool config_plugin_required(const config *c, const char *plugin)
{
    char name[160];
    if (has_item(&entry(c, "plugins.required")->value, plugin))
        return true;
    int len = snprintf(name, sizeof name, "plugin:%s.required", plugin);
    if (len < 0 || (size_t)len >= sizeof name)
        return false;
    const config_entry *e = config_entry_find(c, name);
    return e ? e->value.number != 0 : config_setting_true(c, plugin, "required");
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
