/* The crash file on disk: opened under a lock, appended to in whole lines, replaced by a shorter one. Main thread of a
 * server that starts, or of `steward plugin release`; the crash handler writes to the descriptor without coming here.
 */
#include "core/crash/crash_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* READ_MAX: how much of the end of the file is read. ROOM_BYTES: the room kept for lines on a full disk. */
enum { READ_MAX = 512 * 1024, ROOM_BYTES = 64 * 1024, OPEN_TRIES = 20, TRY_MS = 25 };

static const char NAME[] = "crash.log", NEW_NAME[] = "crash.log.new";

static bool in_folder(const char *folder, const char *name, char out[PATH_MAX])
{
    int len = snprintf(out, PATH_MAX, "%s/%s", folder, name);
    return len > 0 && len < PATH_MAX;
}

static int fail(int fd, char error[CRASH_FILE_ERROR_MAX], const char *path, const char *why)
{
    snprintf(error, CRASH_FILE_ERROR_MAX, "crashes cannot be recorded in %.400s: %s", path, why);
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Is `fd` still what the path names? Somebody may have replaced it while we waited for its lock. */
static bool current(int fd, const char *path)
{
    struct stat ours, theirs;
    return fstat(fd, &ours) == 0 && stat(path, &theirs) == 0 && ours.st_ino == theirs.st_ino &&
           ours.st_dev == theirs.st_dev;
}

/* Opens and locks the file; -1: see errno. Others hold the lock for a moment only, so a start that has waited a while
 * goes on without it. */
static int open_locked(const char *path, bool make)
{
    for (int left = OPEN_TRIES;; left--) {
        int fd = open(path, O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | (make ? O_CREAT : 0), 0600);
        if (fd < 0)
            return -1;
        bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
        if ((locked || (make && left == 0)) && current(fd, path))
            return fd;
        close(fd);
        if (left == 0) {
            errno = EAGAIN;
            return -1;
        }
        if (!locked)
            (void)poll(NULL, 0, TRY_MS);
    }
}

/* A line that was cut short must not swallow the next one. */
static void end_last_line(int fd, const char *text, size_t len)
{
    if (len > 0 && text[len - 1] != '\n')
        (void)!write(fd, "\n", 1);
}

static bool read_end(int fd, off_t size, crash_history *ret)
{
    char *text = malloc(READ_MAX);
    if (!text)
        return false;
    off_t from = size > READ_MAX ? size - READ_MAX : 0;
    size_t len = 0;
    ssize_t n;
    while (len < READ_MAX && (n = pread(fd, text + len, READ_MAX - len, from + (off_t)len)) > 0)
        len += (size_t)n;
    const char *begin = text;
    if (from > 0) { /* within a line */
        const char *end = memchr(text, '\n', len);
        begin = end ? end + 1 : text + len;
    }
    crash_history_read(ret, begin, len - (size_t)(begin - text));
    end_last_line(fd, text, len);
    free(text);
    return true;
}

int crash_file_open(const char *data_dir, bool make, crash_history *ret, char error[CRASH_FILE_ERROR_MAX])
{
    char path[PATH_MAX];
    struct stat about;
    error[0] = '\0';
    if (!in_folder(data_dir, NAME, path))
        return fail(-1, error, data_dir, strerror(ENAMETOOLONG));
    int fd = open_locked(path, make);
    if (fd < 0 && errno == ENOENT && !make)
        return -1;
    if (fd < 0)
        return fail(-1, error, path, strerror(errno));
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode))
        return fail(fd, error, path, "it is no plain file");
    if (!read_end(fd, about.st_size, ret))
        return fail(fd, error, path, strerror(ENOMEM));
    (void)fallocate(fd, FALLOC_FL_KEEP_SIZE, about.st_size, ROOM_BYTES);
    return fd;
}

void crash_file_unlock(int fd)
{
    (void)flock(fd, LOCK_UN);
}

bool crash_file_append(int fd, const crash_record *r)
{
    char line[CRASH_LINE_MAX];
    size_t len = crash_record_write(r, line);
    return write(fd, line, len) == (ssize_t)len;
}

bool crash_file_overgrown(int fd, const crash_history *h)
{
    struct stat about;
    bool large = fstat(fd, &about) == 0 && about.st_size > READ_MAX / 2;
    return large || h->damaged > 0 || h->dropped > 0;
}

bool crash_file_trim(const char *data_dir, const crash_history *h, int *fd)
{
    char path[PATH_MAX], fresh[PATH_MAX];
    if (!in_folder(data_dir, NAME, path) || !in_folder(data_dir, NEW_NAME, fresh))
        return false;
    (void)unlink(fresh); /* of a start that was cut off, or somebody's trap */
    int made = open(fresh, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (made < 0)
        return false;
    bool good = flock(made, LOCK_EX) == 0;
    unsigned first = h->count > CRASH_HISTORY_MAX / 2 ? h->count - CRASH_HISTORY_MAX / 2 : 0;
    for (unsigned i = first; i < h->count && good; i++)
        good = crash_file_append(made, &h->records[i]);
    good = good && fsync(made) == 0 && rename(fresh, path) == 0;
    if (!good) {
        close(made);
        (void)unlink(fresh);
        return false;
    }
    (void)fallocate(made, FALLOC_FL_KEEP_SIZE, lseek(made, 0, SEEK_END), ROOM_BYTES);
    crash_file_unlock(made);
    close(*fd);
    *fd = made;
    return true;
}
