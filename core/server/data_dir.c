/* The data folder, and its lock: one server at a time. */
#include "core/server/server.h"

#include "core/base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

bool data_dir_choose(const config *c, char out[PATH_MAX])
{
    const char *dir = config_text(c, "server.data_dir");
    if (!*dir)
        dir = getenv("STATE_DIRECTORY");
    if (!dir || !*dir)
        dir = "data";
    int len = snprintf(out, PATH_MAX, "%.*s", (int)strcspn(dir, *config_text(c, "server.data_dir") ? "" : ":"), dir);
    return len > 0 && len < PATH_MAX;
}

bool data_dir_store(const config *c, const char *data_dir, char out[PATH_MAX])
{
    const char *path = config_text(c, "storage.path");
    int len = *path ? snprintf(out, PATH_MAX, "%s", path) : snprintf(out, PATH_MAX, "%s/steward.db", data_dir);
    return len > 0 && len < PATH_MAX;
}

int data_dir_lock(const char *data_dir, char *error, size_t error_size)
{
    char path[PATH_MAX + 8], text[32] = "";
    snprintf(path, sizeof path, "%s/lock", data_dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        snprintf(error, error_size, "cannot open %s: %s%s", path, strerror(errno), sandbox_hint(errno, data_dir));
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int why = errno;
        ssize_t n = pread(fd, text, sizeof text - 1, 0);
        text[n > 0 ? strspn(text, "0123456789") : 0] = '\0';
        if (why == EWOULDBLOCK)
            snprintf(error, error_size, "another server (pid %s) uses the data folder %s", *text ? text : "unknown",
                     data_dir);
        else
            snprintf(error, error_size, "cannot lock %s: %s", path, strerror(why));
        close(fd);
        return -1;
    }
    int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)len, 0) != len) {
        snprintf(error, error_size, "cannot write %s: %s", path, strerror(errno));
        close(fd);
        return -1;
    }
    return fd;
}

bool data_dir_open(server *s, char *error, size_t error_size)
{
    const config *c = s->rt.config;
    char chosen[PATH_MAX];
    if (!data_dir_choose(c, chosen)) {
        snprintf(error, error_size, "the path of the data folder is too long");
        return false;
    }
    if ((mkdir(chosen, 0700) != 0 && errno != EEXIST) || !realpath(chosen, s->data_dir)) {
        snprintf(error, error_size, "cannot use the data folder %s: %s%s", chosen, strerror(errno),
                 sandbox_hint(errno, chosen));
        return false;
    }
    struct stat about;
    if (stat(s->data_dir, &about) != 0 || !S_ISDIR(about.st_mode)) {
        snprintf(error, error_size, "the data folder %s is not a folder", s->data_dir);
        return false;
    }
    if (about.st_mode & S_IWOTH) {
        snprintf(error, error_size, "every user of this machine may write to the data folder %s: chmod 0700",
                 s->data_dir);
        return false;
    }
    s->rt.data_dir = s->data_dir;
    if (!data_dir_store(c, s->data_dir, s->store_path)) {
        snprintf(error, error_size, "the path of the store is too long");
        return false;
    }
    s->lock_fd = data_dir_lock(s->data_dir, error, error_size);
    return s->lock_fd >= 0;
}

/* The file stays: unlinking it would let two servers hold two locks. */
void data_dir_close(server *s)
{
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    s->lock_fd = -1;
}
