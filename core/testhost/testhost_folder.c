/* The temporary folder of a host: data, links to plugin files, the config file, the socket for its clients. */
#include "core/plugin/loader.h"
#include "core/testhost/testhost.h"

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

bool folder_make(sw_test *t)
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

void folder_remove(sw_test *t)
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

/* ---- plugins ---- */

static bool link_as(sw_test *t, const char *file, const char *name)
{
    char link[NAME_MAX + 16];
    int len = snprintf(link, sizeof link, "plugins/%s.so", name);
    if (len < 0 || (size_t)len >= sizeof link || symlinkat(file, t->folder_fd, link) != 0)
        return host_fail(t, "plugin %s: %s", name, errno == EEXIST ? "it is there twice" : strerror(errno));
    return true;
}

bool folder_link(sw_test *t, const char *file, const char **ret_name)
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

bool folder_link_installed(sw_test *t, const char *name)
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

/* ---- configuration ---- */

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

bool folder_write_config(sw_test *t)
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

/* ---- the socket ---- */

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

bool folder_listen(sw_test *t, int *ret_fd)
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
