/* What `steward check` looks at besides the configuration's own text: whether what it names is there, and is what it
 * should be. Nothing is made. A start finds these out by itself, one after another. Main thread. */
#include "core/server/server.h"

#include "core/base/files.h"
#include "core/base/log.h"
#include "core/base/sandbox.h"
#include "core/plugin/loader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* "server.data_dir: ", also when the value came from elsewhere. */
static void complain(config *c, const char *option, const char *path, const char *what)
{
    config_value_error(c, option, "%s: %s %s", option, path, what);
}

static bool is_folder(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

/* The folder that a file is made in. */
static void check_around(config *c, const char *option, const char *file)
{
    char folder[PATH_MAX];
    if (!folder_of(file, folder))
        complain(c, option, file, "is too long");
    else if (!is_folder(folder))
        config_value_error(c, option, "%s: there is no folder %s", option, folder);
    else if (access(folder, W_OK) != 0)
        config_value_error(c, option, "%s: %s: %s%s", option, folder, strerror(errno), sandbox_hint(errno, folder));
}

static void check_file(config *c, const char *option, const char *file)
{
    if (is_folder(file))
        complain(c, option, file, "is a folder");
    else if (access(file, F_OK) != 0)
        check_around(c, option, file);
    else if (access(file, W_OK) != 0)
        config_value_error(c, option, "%s: %s: %s%s", option, file, strerror(errno), sandbox_hint(errno, file));
}

static void check_data(config *c)
{
    char folder[PATH_MAX], file[PATH_MAX];
    struct stat about;
    if (!data_dir_choose(c, folder) || !data_dir_store(c, folder, file)) {
        complain(c, "server.data_dir", config_text(c, "server.data_dir"), "is too long");
        return;
    }
    if (stat(folder, &about) != 0 && errno == ENOENT)
        check_around(c, "server.data_dir", folder);
    else if (!is_folder(folder))
        complain(c, "server.data_dir", folder, "is not a folder");
    else if ((about.st_mode & (S_IWOTH | S_ISVTX)) == S_IWOTH)
        complain(c, "server.data_dir", folder, "can be written to by every user of this machine: chmod 0700");
    else if (about.st_mode & S_IWOTH)
        config_warn_at(c, "server.data_dir", 0, "%s can be written to by every user of this machine: chmod 0700",
                       folder);
    if (*config_text(c, "storage.path"))
        check_file(c, "storage.path", file);
}

static void check_readable(config *c, const char *option)
{
    const char *path = config_text(c, option);
    if (!*path)
        return;
    if (is_folder(path))
        complain(c, option, path, "is a folder");
    else if (access(path, R_OK) != 0)
        complain(c, option, path, strerror(errno));
}

static void check_plugins(config *c, const char *dir)
{
    if (*config_text(c, "plugins.dir") && !is_folder(dir))
        complain(c, "plugins.dir", dir, "is not a folder");
}

/* Plugins that are no files at all: the log tells as well, and not the line. */
static void check_names(server *s)
{
    config *c = s->rt.config;
    for (size_t i = 0; i < config_list_count(c, "plugins.enabled"); i++) {
        const char *name = config_list_item(c, "plugins.enabled", i);
        char path[PATH_MAX * 2];
        snprintf(path, sizeof path, "%s/%s.so", s->plugin_dir, name);
        if (access(path, F_OK) != 0)
            config_value_error(c, "plugins.enabled", "plugins.enabled: there is no plugin named %s in %s%s", name,
                               s->plugin_dir, config_hint_plugin(c, name));
    }
}

/* ---- options of plugins that are not enabled: a start does not look at them ---- */

typedef struct {
    server *s;
    arena *memory;
} looking;

static void check_absent(void *arg, const char *plugin, const char *file, int line)
{
    const looking *l = arg;
    config *c = l->s->rt.config;
    char error[LOADER_ERROR_MAX];
    sw_plugin p;
    if (config_list_has(c, "plugins.enabled", plugin)) /* what is wrong with it has been said */
        return;
    if (!loader_read(l->s->plugin_dir, plugin, l->memory, &p, error)) {
        config_warn_at(c, file, line, "[plugin:%s] is not looked at: the plugin %s", plugin, error);
        return;
    }
    (void)config_declare(c, plugin, p.options.rows, p.options.row_size, p.options.count);
    config_warn_at(c, file, line, "[plugin:%s] counts for nothing, since plugins.enabled does not name %s", plugin,
                   plugin);
}

bool server_check(server *s, arena *memory)
{
    char error[256];
    config *c = s->rt.config;
    size_t before = strlen(config_errors(c));
    if (!http_resolves(c, error, sizeof error))
        config_value_error(c, "server.host", "%s", error);
    check_data(c);
    if (*config_text(c, "log.file"))
        check_file(c, "log.file", config_text(c, "log.file"));
    check_readable(c, "outbound.ca_file");
    check_plugins(c, s->plugin_dir);
    check_names(s);
    config_each_undeclared(c, check_absent, &(looking){.s = s, .memory = memory});
    return strlen(config_errors(c)) == before;
}
