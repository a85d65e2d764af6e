/* A host from its options to its end. */
#include "core/plugin/loader.h"
#include "core/testhost/testhost.h"

#include "core/base/str.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- what it is made from ---- */

static bool enable(sw_test *t, buf *names, const char *name)
{
    buf_printf(names, "%s%s", names->len ? ", " : "", name);
    return !names->failed || host_fail(t, "no memory");
}

static bool provides_auth(const sw_plugin *p)
{
    const char *rows = p->provides.rows;
    for (uint32_t i = 0; i < p->provides.count; i++) {
        const sw_provided *row = (const sw_provided *)(const void *)(rows + (size_t)i * p->provides.row_size);
        if (row->name && strcmp(row->name, "auth/1") == 0)
            return true;
    }
    return false;
}

/* Does that file? One that cannot be loaded does not; that is told when the server starts. */
static bool file_provides_auth(const sw_test *t, const char *name)
{
    char folder[PATH_MAX + 16], error[LOADER_ERROR_MAX];
    arena memory = {0};
    sw_plugin p;
    void *handle = NULL;
    snprintf(folder, sizeof folder, "%s/plugins", t->folder);
    bool does = loader_open(folder, name, &memory, &p, &handle, error) && provides_auth(&p);
    arena_done(&memory);
    return does;
}

static bool take_linked(sw_test *t, const sw_plugin *const *given, buf *names, bool *auth)
{
    size_t count = 0;
    for (; given && *given; given++) {
        if (count == HOST_PLUGINS_MAX)
            return host_fail(t, "more than %d plugins", HOST_PLUGINS_MAX);
        if ((*given)->magic != SW_PLUGIN_MAGIC || !(*given)->name)
            return host_fail(t, "a linked plugin has no SW_PLUGIN_HEAD, or no name");
        t->linked[count++] = *given;
        *auth = *auth || provides_auth(*given);
        if (!enable(t, names, (*given)->name))
            return false;
    }
    return true;
}

static bool take_files(sw_test *t, const sw_test_options *o, buf *names, bool *auth)
{
    const char *name;
    for (const char *const *file = o->files; file && *file; file++) {
        if (!folder_link(t, *file, &name) || !enable(t, names, name))
            return false;
        *auth = *auth || file_provides_auth(t, name);
    }
    sw_str rest = str_of(o->installed), piece;
    while (o->installed && str_next(&rest, ',', &piece)) {
        name = arena_strndup(&t->memory, piece.at, piece.len);
        if (!name)
            return host_fail(t, "no memory");
        if (!folder_link_installed(t, name) || !enable(t, names, name))
            return false;
        *auth = *auth || file_provides_auth(t, name);
    }
    return true;
}

static bool take_plugins(sw_test *t, const sw_test_options *o)
{
    buf names;
    bool auth = false;
    buf_init(&names, 0);
    bool fine = take_linked(t, o->plugins, &names, &auth) && take_files(t, o, &names, &auth) &&
                enable(t, &names, HOST_MODULE.name);
    t->own_users = !auth;
    size_t count = 0;
    while (t->linked[count])
        count++;
    t->linked[count] = auth ? &HOST_MODULE : &HOST_MODULE_WITH_USERS;
    if (fine)
        t->enabled = arena_strndup(&t->memory, names.at, names.len);
    buf_done(&names);
    return fine && (t->enabled || host_fail(t, "no memory"));
}

/* ---- running ---- */

/* The first plugin that does not run. */
static bool none_quarantined(sw_test *t)
{
    for (unsigned i = 1; i < t->s.rt.module_count; i++) {
        const sw_host *host = t->s.rt.modules[i];
        if (host->status != MODULE_ENABLED && host->error[0])
            return host_fail(t, "plugin %s does not run: %s", host->name, host->error);
    }
    return true;
}

static bool start(sw_test *t)
{
    int fd = 0;
    if (!folder_write_config(t) || !folder_listen(t, &fd))
        return false;
    server_source from = {.config_file = t->config_file,
                          .environment = t->environment,
                          .linked = t->linked,
                          .listen_fd = fd,
                          .outbound = t->stub.http ? &t->stub : NULL,
                          .by_hand = true};
    t->made = true;
    if (!server_configure_from(&t->s, &from))
        return host_fail(
            t, "%s", t->s.rt.config && *config_errors(t->s.rt.config) ? config_errors(t->s.rt.config) : "no memory");
    return true;
}

static bool run(sw_test *t)
{
    t->s.rt.publish = record_publish;
    if (!server_open(&t->s, INITIAL_PASSWORD_FILE))
        return host_fail_by_log(t);
    t->running = true;
    return none_quarantined(t);
}

static bool open_all(sw_test *t, const sw_test_options *o)
{
    return folder_make(t) && options_read(t, o->options) && take_plugins(t, o) && (o->network || stub_open(t)) &&
           start(t) && run(t);
}

sw_test *sw_test_open(const sw_test_options *given, char *error, size_t error_size)
{
    sw_test_options o = {0};
    memcpy(&o, given, given->size < sizeof o ? given->size : sizeof o);
    sw_test *t = calloc(1, sizeof *t);
    if (!t || !host_claim()) {
        snprintf(error, error_size, "%s", t ? "another host is open in this process: one at a time" : "no memory");
        free(t);
        return NULL;
    }
    t->folder_fd = -1;
    t->answer = o.outbound;
    t->answer_arg = o.outbound_arg;
    if (open_all(t, &o)) {
        snprintf(error, error_size, "%s", "");
        return t;
    }
    snprintf(error, error_size, "%s", t->error);
    sw_test_close(t);
    return NULL;
}

/* Stops and frees the server, not the host. */
static void end(sw_test *t)
{
    if (t->running)
        server_stop(&t->s);
    t->running = false;
    if (t->made) {
        int unused = t->s.rt.listen_fd;
        server_close(&t->s);
        if (unused > 0)
            close(unused);
    }
    t->made = false;
    stub_close(t);
}

bool sw_test_restart(sw_test *t)
{
    end(t);
    t->error[0] = '\0';
    return (!t->stub.http || stub_open(t)) && start(t) && run(t);
}

void sw_test_close(sw_test *t)
{
    if (!t)
        return;
    asked_close(t);
    sockets_free(t); /* first: a stop waits a moment for sockets that do not read */
    end(t);
    events_free(t);
    stub_calls_free(t);
    folder_remove(t);
    arena_done(&t->memory);
    free(t->log);
    free(t);
    host_release();
}

/* ---- what is asked of a running one ---- */

bool sw_test_set(sw_test *t, const char *option, const char *value)
{
    if (!t->running)
        return host_fail(t, "the host does not run");
    const config *before = t->s.rt.config;
    option_pair pairs[HOST_OPTIONS_MAX];
    unsigned count = t->option_count;
    memcpy(pairs, t->options, sizeof pairs);
    if (!option_set(t, option, value) || !folder_write_config(t))
        return false;
    server_reload(&t->s);
    if (t->s.rt.config != before)
        return true;
    memcpy(t->options, pairs, sizeof pairs);
    t->option_count = count;
    return host_fail_by_log(t);
}

const char *sw_test_folder(const sw_test *t)
{
    return t->s.data_dir;
}

const char *sw_test_plugin_error(sw_test *t, const char *plugin)
{
    const sw_host *host = t->made && t->s.plugins ? registry_find(t->s.plugins, plugin) : NULL;
    return host ? host->status == MODULE_ENABLED ? "" : host->error : NULL;
}
