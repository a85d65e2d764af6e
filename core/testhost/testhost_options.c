/* The configuration of a host: what suits tests, and the test's own pairs over it. */
#include "core/testhost/testhost.h"

#include <stdio.h>
#include <string.h>

/* Few threads, and time for slow machines; no access log between the lines a test looks for. */
static const option_pair DEFAULTS[] = {
    {"server.loops", "1"},
    {"server.workers", "2"},
    {"server.hash_workers", "1"},
    {"server.slow_workers", "2"},
    {"server.shutdown_timeout", "5s"},
    {"server.trusted_proxies", "127.0.0.0/8"},
    {"storage.synchronous", "normal"},
    {"storage.cache", "8M"},
    {"auth.bcrypt_cost", "4"},
    {"limits.write_step", "10s"},
    {"limits.read_step", "60s"},
    {"log.level", "debug"},
    {"log.access", "false"},
};

/* The host's own, see folder_write_config(). */
static const char *const RESERVED[] = {
    "server.host", "server.port", "server.data_dir", "server.metrics_port", "storage.path",
    "log.file",    "log.format",  "plugins.enabled", "plugins.dir",
};

static bool reserved(const char *name)
{
    for (size_t i = 0; i < sizeof RESERVED / sizeof *RESERVED; i++)
        if (strcmp(name, RESERVED[i]) == 0)
            return true;
    return false;
}

bool option_set(sw_test *t, const char *name, const char *value)
{
    const char *dot = strrchr(name, '.');
    if (!dot || dot == name || dot[1] == '\0' || name[strcspn(name, "]\r\n")] != '\0')
        return host_fail(t, "option \"%s\": a name is written section.key, \"plugin:notes.max\"", name);
    if (value[strcspn(value, "\r\n")] != '\0')
        return host_fail(t, "option %s: a value is one line", name);
    if (reserved(name))
        return host_fail(t, "option %s is the test host's own", name);
    unsigned i = 0;
    while (i < t->option_count && strcmp(t->options[i].name, name) != 0)
        i++;
    if (i == HOST_OPTIONS_MAX)
        return host_fail(t, "more than %d options", HOST_OPTIONS_MAX);
    option_pair pair = {arena_strndup(&t->memory, name, strlen(name)), arena_strndup(&t->memory, value, strlen(value))};
    if (!pair.name || !pair.value)
        return host_fail(t, "no memory");
    t->options[i] = pair;
    t->option_count += i == t->option_count;
    return true;
}

bool options_read(sw_test *t, const char *const *pairs)
{
    for (size_t i = 0; i < sizeof DEFAULTS / sizeof *DEFAULTS; i++)
        if (!option_set(t, DEFAULTS[i].name, DEFAULTS[i].value))
            return false;
    for (; pairs && pairs[0]; pairs += 2) {
        if (!pairs[1])
            return host_fail(t, "option %s has no value: they come in pairs", pairs[0]);
        if (!option_set(t, pairs[0], pairs[1]))
            return false;
    }
    return true;
}
