/* SIGHUP: a new configuration beside the running one, checked as at a start, then taken as a whole or not at all. */
#include "core/server/server.h"

#include "core/base/log.h"

#include <string.h>

typedef struct {
    unsigned live, fixed;
} changes;

static void count_change(void *arg, const char *name, bool live)
{
    changes *found = arg;
    if (live) {
        found->live++;
        log_info("reload", "%s has changed", name);
    } else {
        found->fixed++;
        log_warn("reload", "%s has changed: it counts from the next start on", name);
    }
}

/* The options of the plugins that are loaded, as at the start. */
static config *read_again(const server *s)
{
    config *c = config_new();
    if (!c)
        return NULL;
    config_load(c, s->from.config_file, s->from.environment);
    for (unsigned i = 1; i < s->rt.module_count; i++) {
        const sw_table *options = &s->rt.modules[i]->plugin->options;
        if (s->rt.modules[i]->plugin->version)
            config_declare(c, s->rt.modules[i]->name, options->rows, options->row_size, options->count);
    }
    config_finish(c, registry_knows, s->plugins);
    return c;
}

/* Keeps the first and the latest: a thread may still read a text of the one before. */
static void keep(server *s, config *c)
{
    if (s->config_count == SERVER_CONFIGS_MAX) {
        config_free(s->configs[1]);
        memmove(&s->configs[1], &s->configs[2], (SERVER_CONFIGS_MAX - 2) * sizeof s->configs[0]);
        s->config_count--;
    }
    s->configs[s->config_count++] = c;
}

void server_reload(server *s)
{
    log_reopen();
    config *c = read_again(s);
    if (!c) {
        log_error("reload", "no memory: nothing was changed");
        return;
    }
    server_log_lines(SW_LOG_WARN, "reload", config_warnings(c));
    if (*config_errors(c)) {
        server_log_lines(SW_LOG_ERROR, "reload", config_errors(c));
        log_error("reload", "the configuration has errors: nothing was changed");
        config_free(c);
        return;
    }
    char error[256];
    if (!http_reload(s->http, c, error, sizeof error)) {
        log_error("reload", "%s: nothing was changed", error);
        config_free(c);
        return;
    }
    changes found = {0};
    config_compare(s->rt.config, c, count_change, &found);
    config_keep_fixed(c, s->rt.config);
    keep(s, c);
    s->rt.config = c;
    log_set_level(configured_level(c));
    registry_reconfigure(s->plugins);
    log_info("reload", "configuration read again: %u options changed, %u wait for a restart", found.live, found.fixed);
}
