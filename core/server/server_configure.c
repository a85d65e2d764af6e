/* From a file and the environment to a checked configuration with its plugins' options. */
#include "core/server/server.h"

#include "core/admin/admin.h"
#include "core/base/log.h"
#include "core/base/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

sw_log_level configured_level(const config *c)
{
    static const char *const NAMES[] = {
        [SW_LOG_ERROR] = "error", [SW_LOG_WARN] = "warn", [SW_LOG_INFO] = "info", [SW_LOG_DEBUG] = "debug"};
    const char *level = config_text(c, "log.level");
    for (int i = SW_LOG_ERROR; i <= SW_LOG_DEBUG; i++)
        if (strcmp(level, NAMES[i]) == 0)
            return (sw_log_level)i;
    return SW_LOG_INFO;
}

/* From the server's own folder: in a build folder, and in a tree that was installed and moved. */
static bool beside_binary(char out[PATH_MAX])
{
    static const char *const FROM_BIN[] = {"../lib/steward/plugins", STEWARD_PLUGINS_FROM_BIN};
    char binary[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", binary, sizeof binary - 1);
    if (len <= 0)
        return false;
    binary[len] = '\0';
    char *const slash = strrchr(binary, '/');
    if (!slash)
        return false;
    *slash = '\0';
    for (size_t i = 0; i < sizeof FROM_BIN / sizeof FROM_BIN[0]; i++) {
        char folder[PATH_MAX * 2];
        snprintf(folder, sizeof folder, "%s/%s", binary, FROM_BIN[i]);
        if (realpath(folder, out))
            return true;
    }
    return false;
}

void plugin_folder(const config *c, char out[PATH_MAX])
{
    const char *configured = config_text(c, "plugins.dir");
    if (*configured)
        snprintf(out, PATH_MAX, "%s", configured);
    else if (!beside_binary(out))
        snprintf(out, PATH_MAX, "%s", STEWARD_PLUGIN_DIR);
}

void server_log_lines(sw_log_level level, const char *part, const char *lines)
{
    while (*lines) {
        size_t len = strcspn(lines, "\n");
        log_line(level, part, "%.*s", (int)len, lines);
        lines += len + (lines[len] == '\n');
    }
}

static bool open_log(const config *c, const server_source *from)
{
    if (from->offline)
        return log_open(LOG_TEXT, SW_LOG_ERROR, "");
    if (from->looks)
        return log_open(LOG_TEXT, configured_level(c), "");
    log_starting(from->serves);
    log_format format = strcmp(config_text(c, "log.format"), "json") == 0 ? LOG_JSON : LOG_TEXT;
    return log_open(format, configured_level(c), config_text(c, "log.file"));
}

/* For those who misspell one. */
static void offer_plugins(server *s)
{
    DIR *folder = opendir(s->plugin_dir);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char *end = strrchr(entry->d_name, '.');
        if (!end || strcmp(end, ".so") != 0)
            continue;
        *end = '\0';
        config_offer_plugin(s->rt.config, entry->d_name);
    }
    if (folder)
        closedir(folder);
}

/* In safe mode the server's own plugins: those that plugins.dir names may be others' of the same names. */
static void choose_folder(server *s)
{
    char auth[PATH_MAX + 16];
    const config *c = s->rt.config;
    if (s->rt.safe_mode) {
        if (!beside_binary(s->plugin_dir))
            snprintf(s->plugin_dir, sizeof s->plugin_dir, "%s", STEWARD_PLUGIN_DIR);
        snprintf(auth, sizeof auth, "%s/auth.so", s->plugin_dir);
        if (access(auth, R_OK) == 0)
            return;
    }
    plugin_folder(c, s->plugin_dir);
}

/* Before a plugin is loaded, since that runs code of it. When the folder cannot be used server_open() says why. */
static void watch_crashes(server *s)
{
    char error[512];
    if (!data_dir_open(s, error, sizeof error))
        return;
    s->crashes = crashes_open(s->rt.config, s->data_dir, s->rt.version);
    registry_watch_crashes(s->plugins, s->crashes);
}

bool server_configure(server *s, const char *config_file)
{
    const server_source from = {.config_file = config_file, .environment = environ, .looks = true};
    return server_configure_from(s, &from);
}

bool server_configure_from(server *s, const server_source *from)
{
    *s = (server){.from = *from, .lock_fd = -1, .rt = {.version = STEWARD_VERSION}};
    config *c = config_new();
    if (!c)
        return false;
    s->configs[s->config_count++] = c;
    s->rt.config = c;
    s->rt.listen_fd = from->listen_fd;
    s->rt.safe_mode = from->safe_mode;
    s->rt.started_ms = sw_monotonic_ms();
    pthread_mutex_init(&s->rt.readers.lock, NULL);
    bool good = config_load(c, from->config_file, from->environment);
    if (good && !open_log(c, from)) {
        config_value_error(c, "log.file", "log.file: %s cannot be opened: %s%s", config_text(c, "log.file"),
                           strerror(errno), sandbox_hint(errno, config_text(c, "log.file")));
        good = false;
    }
    s->plugins = registry_new(&s->rt, &CORE_MODULE);
    if (!s->plugins)
        return false;
    /* The port first: who finds it taken leaves no folder and no keys behind. server_open() says so. */
    if (good && from->serves && http_bind(&s->rt, s->bind_error, sizeof s->bind_error))
        watch_crashes(s);
    registry_offer(s->plugins, from->linked);
    choose_folder(s);
    offer_plugins(s);
    registry_load(s->plugins, s->plugin_dir);
    good = config_finish(c, registry_knows, s->plugins) && good;
    registry_resolve(s->plugins);
    if (from->serves)
        server_log_lines(SW_LOG_WARN, "config", config_warnings(c));
    return good && !*config_errors(c);
}
