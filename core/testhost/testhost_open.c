/* A host from its options to its end: the configuration that suits tests, the plugins it is given, and the temporary
 * folder with its data, its links to plugin files, its config file and the socket for its clients. All on the test's
 * one thread; what is made belongs to the sw_test. */
#include "core/plugin/loader.h"
#include "core/testhost/testhost.h"

#include "core/base/str.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 128 };

/* The log and the clock belong to the process, so there is one host at a time. */
static _Atomic bool taken;

static bool open_all(sw_test *t, const sw_test_options *o);
static bool start(sw_test *t);
static bool run(sw_test *t);
static void end(sw_test *t);
static bool fail_by_log(sw_test *t);
static bool option_set(sw_test *t, const char *name, const char *value);
static bool options_read(sw_test *t, const char *const *pairs);
static bool take_plugins(sw_test *t, const sw_test_options *o);
static bool folder_make(sw_test *t);
static void folder_remove(sw_test *t);
static bool folder_link(sw_test *t, const char *file, const char **ret_name);
static bool folder_link_installed(sw_test *t, const char *name);
static bool folder_write_config(sw_test *t);
static bool folder_listen(sw_test *t, int *ret_fd);

/* ---- open, restart, close ---- */

sw_test *sw_test_open(const sw_test_options *given, char *error, size_t error_size)
{
    sw_test_options o = {0};
    memcpy(&o, given, given->size < sizeof o ? given->size : sizeof o);
    sw_test *t = calloc(1, sizeof *t);
    if (!t || atomic_exchange(&taken, true)) {
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
    sw_test_clock(t, 0); /* the next host begins with a clock that runs */
    records_free(t);
    folder_remove(t);
    arena_done(&t->memory);
    free(t->log);
    free(t);
    taken = false;
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
    return fail_by_log(t);
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

/* ---- running ---- */

static bool open_all(sw_test *t, const sw_test_options *o)
{
    return folder_make(t) && options_read(t, o->options) && take_plugins(t, o) && (o->network || stub_open(t)) &&
           start(t) && run(t);
}

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
        return fail_by_log(t);
    t->running = true;
    return none_quarantined(t);
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

/* The last error of the log as the text of sw_test_error(); always false. */
static bool fail_by_log(sw_test *t)
{
    const char *found = NULL;
    for (const char *at = sw_test_log(t); (at = strstr(at, " error ")); at++)
        found = at;
    return host_fail(t, "%.*s", found ? (int)strcspn(found, "\n") : 40,
                     found ? found + strlen(" error ") : "the server does not start");
}

/* ---- its options: what suits tests, and the test's own pairs over it ---- */

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

static bool option_set(sw_test *t, const char *name, const char *value)
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

static bool options_read(sw_test *t, const char *const *pairs)
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

/* ---- the plugins that it is made from ---- */

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

/* ---- the temporary folder ---- */

static bool folder_make(sw_test *t)
{
    const char *tmp = getenv("TMPDIR");
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/steward-test-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (len < 0 || (size_t)len >= sizeof path / 2 || !mkdtemp(path))
        return host_fail(t, "cannot make a folder in %s: %s", tmp && *tmp ? tmp : "/tmp", strerror(errno));
    char *full = realpath(path, NULL);
    const char *chosen = full && strlen(full) < sizeof t->folder ? full : path;
    memcpy(t->folder, chosen, strlen(chosen) + 1);
    free(full);
    snprintf(t->config_file, sizeof t->config_file, "%s/steward.conf", t->folder);
    t->folder_fd = open(t->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (t->folder_fd < 0 || mkdirat(t->folder_fd, "plugins", 0700) != 0)
        return host_fail(t, "cannot use the folder %s: %s", t->folder, strerror(errno));
    return true;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st, (void)kind, (void)where;
    return remove(path);
}

static void folder_remove(sw_test *t)
{
    if (t->folder_fd >= 0)
        close(t->folder_fd);
    t->folder_fd = -1;
    if (!t->folder[0])
        return;
    const char *keep = getenv("STEWARD_TEST_KEEP");
    if (keep && strcmp(keep, "1") == 0)
        fprintf(stderr, "testhost: the folder is kept: %s\n", t->folder);
    else
        nftw(t->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    t->folder[0] = '\0';
}

/* ---- its links to plugin files ---- */

static bool link_as(sw_test *t, const char *file, const char *name)
{
    char link[NAME_MAX + 16];
    int len = snprintf(link, sizeof link, "plugins/%s.so", name);
    if (len < 0 || (size_t)len >= sizeof link || symlinkat(file, t->folder_fd, link) != 0)
        return host_fail(t, "plugin %s: %s", name, errno == EEXIST ? "it is there twice" : strerror(errno));
    return true;
}

/* Makes plugins/NAME.so for a file. *ret_name: NAME, in the host's memory. */
static bool folder_link(sw_test *t, const char *file, const char **ret_name)
{
    char full[PATH_MAX];
    const char *base = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;
    size_t len = strlen(base);
    if (len <= 3 || strcmp(base + len - 3, ".so") != 0)
        return host_fail(t, "plugin %s: a plugin's file is NAME.so", file);
    if (!realpath(file, full))
        return host_fail(t, "plugin %s: %s", file, strerror(errno));
    *ret_name = arena_strndup(&t->memory, base, len - 3);
    return *ret_name ? link_as(t, full, *ret_name) : host_fail(t, "no memory");
}

/* LIBDIR/steward/plugins, beside this library. */
static bool installed_folder(char out[PATH_MAX])
{
    Dl_info self;
    char folder[PATH_MAX];
    if (!dladdr(&HOST_MODULE, &self) || !self.dli_fname || !realpath(self.dli_fname, folder))
        return false;
    char *const slash = strrchr(folder, '/');
    if (!slash)
        return false;
    *slash = '\0';
    int len = snprintf(out, PATH_MAX, "%s/plugins", folder);
    return len > 0 && len < PATH_MAX;
}

/* The same for a plugin of the installed server, by name. */
static bool folder_link_installed(sw_test *t, const char *name)
{
    char folder[PATH_MAX], file[PATH_MAX + NAME_MAX];
    if (!plugin_name_valid(name))
        return host_fail(t, "installed plugin \"%s\": no name of a plugin", name);
    if (!installed_folder(folder))
        return host_fail(t, "the folder of the installed plugins cannot be found");
    snprintf(file, sizeof file, "%s/%s.so", folder, name);
    if (access(file, R_OK) != 0)
        return host_fail(t, "there is no installed plugin %s", file);
    return link_as(t, file, name);
}

/* ---- its config file ---- */

static void write_pair(FILE *out, const char *name, const char *value)
{
    const char *dot = strrchr(name, '.');
    fprintf(out, "[%.*s]\n%s = %s\n", (int)(dot - name), name, dot + 1, value);
}

static void write_path(FILE *out, const char *name, const char *folder, const char *file)
{
    const char *dot = strrchr(name, '.');
    fprintf(out, "[%.*s]\n%s = %s/%s\n", (int)(dot - name), name, dot + 1, folder, file);
}

static bool folder_write_config(sw_test *t)
{
    int fd = openat(t->folder_fd, "steward.conf", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!out) {
        if (fd >= 0)
            close(fd);
        return host_fail(t, "cannot write %s/steward.conf: %s", t->folder, strerror(errno));
    }
    write_path(out, "server.data_dir", t->folder, "data");
    write_path(out, "plugins.dir", t->folder, "plugins");
    write_path(out, "log.file", t->folder, "log");
    write_pair(out, "plugins.enabled", t->enabled);
    for (unsigned i = 0; i < t->option_count; i++)
        write_pair(out, t->options[i].name, t->options[i].value);
    bool failed = ferror(out) != 0;
    return (fclose(out) == 0 && !failed) || host_fail(t, "cannot write %s/steward.conf", t->folder);
}

/* ---- its socket ---- */

/* A path that is longer than a socket's may be goes by the descriptor of the folder. */
static struct sockaddr_un address(const sw_test *t)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(t->folder) + sizeof "/http" <= sizeof a.sun_path)
        snprintf(a.sun_path, sizeof a.sun_path, "%.*s/http", (int)sizeof a.sun_path - 6, t->folder);
    else
        snprintf(a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d/http", t->folder_fd);
    return a;
}

static bool folder_listen(sw_test *t, int *ret_fd)
{
    const struct sockaddr_un to = address(t);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)unlinkat(t->folder_fd, "http", 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&to, sizeof to) != 0 || listen(fd, BACKLOG) != 0) {
        (void)host_fail(t, "the socket %s/http cannot be made: %s", t->folder, strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    *ret_fd = fd;
    return true;
}

int folder_connect(const sw_test *t)
{
    const struct sockaddr_un to = address(t);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof to) != 0) {
        int why = errno;
        close(fd);
        errno = why;
        fd = -1;
    }
    return fd;
}
