/* The data folder, and its lock: one server at a time. */
#include "core/server/server.h"

#include "core/base/files.h"
#include "core/base/log.h"
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

/* ---- an empty store is never made in the place of one that is gone ---- */

static bool exists(const server *s, const char *name)
{
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/%s", s->data_dir, name);
    return access(path, F_OK) == 0;
}

/* A first start leaves this note in the data folder until its store is made: by that a start that was cut off can be
 * told from a store that was lost. */
static void first_start_note(const server *s, char out[PATH_MAX + 16])
{
    snprintf(out, PATH_MAX + 16, "%s/first-start", s->data_dir);
}

/* May a store be made when there is none? Before lock and keys are made. */
static bool expect_store(server *s, char *error, size_t error_size)
{
    char note[PATH_MAX + 16];
    struct stat about;
    first_start_note(s, note);
    if (stat(s->store_path, &about) == 0 && about.st_size > 0)
        return true;
    const char *key = config_text(s->rt.config, "auth.master_key_file");
    bool served = exists(s, *key ? "lock" : "master.key"); /* a key that was configured may be older than the folder */
    if (!s->from.new_store && access(note, F_OK) != 0 && served) {
        snprintf(error, error_size,
                 "the store %s is %s, and the key %s%s%s belongs to one that was there: restore a backup "
                 "(steward db restore), or start once with --new-store to begin with an empty one",
                 s->store_path, access(s->store_path, F_OK) == 0 ? "empty" : "missing", *key ? "" : s->data_dir,
                 *key ? "" : "/", *key ? key : "master.key");
        return false;
    }
    int fd = open(note, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        snprintf(error, error_size, "cannot create %s: %s", note, strerror(errno));
        return false;
    }
    close(fd);
    s->first_start = true;
    return true;
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
    /* With the sticky bit, as a fresh tmpfs has it, nobody else can replace what is there. */
    if ((about.st_mode & (S_IWOTH | S_ISVTX)) == S_IWOTH) {
        snprintf(error, error_size, "every user of this machine may write to the data folder %s: chmod 0700",
                 s->data_dir);
        return false;
    }
    if (about.st_mode & S_IWOTH)
        log_warn("server", "every user of this machine may write to the data folder %s: chmod 0700", s->data_dir);
    s->rt.data_dir = s->data_dir;
    if (!data_dir_store(c, s->data_dir, s->store_path)) {
        snprintf(error, error_size, "the path of the store is too long");
        return false;
    }
    if (!expect_store(s, error, error_size))
        return false;
    s->lock_fd = data_dir_lock(s->data_dir, error, error_size);
    return s->lock_fd >= 0;
}

void data_dir_has_store(server *s)
{
    char note[PATH_MAX + 16];
    first_start_note(s, note);
    if (s->first_start)
        (void)folder_sync(s->store_path); /* the note must not go before the store is there */
    (void)unlink(note);
    s->first_start = false;
}

/* The file stays: unlinking it would let two servers hold two locks. */
void data_dir_close(server *s)
{
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    s->lock_fd = -1;
}
