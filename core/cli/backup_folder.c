/* How backups get their names, and which of them go. The calling thread; what is named by a path belongs to the caller.
 */
#include "core/cli/backup_folder.h"

#include "core/base/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    SAME_SECOND_MAX = 100,
    LEFT_OVER_S = 60, /* younger ones may be about to be locked */
    STAMP_LEN = 16    /* 20260305T214208Z */
};

static const char TEMPORARY[] = ".steward-backup-", PREFIX[] = "steward-", SUFFIX[] = ".db";

int backup_temporary(const char *folder, char out[PATH_MAX])
{
    char real[PATH_MAX]; /* SQLite is told to follow no link on the way */
    if (!realpath(folder, real))
        return -1;
    int len = snprintf(out, PATH_MAX, "%s/%sXXXXXX", real, TEMPORARY);
    if (len < 0 || len >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = mkostemp(out, O_CLOEXEC);
    if (fd >= 0)
        (void)flock(fd, LOCK_EX | LOCK_NB); /* where locks do not work nothing is taken for left over, either */
    return fd;
}

/* Not every file system can do the first, few can do neither. */
static bool rename_new(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return true;
    if (errno != EINVAL && errno != ENOSYS)
        return false;
    return link(from, to) == 0 && unlink(from) == 0;
}

bool backup_publish(const char *temporary, const char *path)
{
    return rename_new(temporary, path) && folder_sync(path);
}

void backup_stamp(int64_t at_ms, char out[BACKUP_STAMP_SIZE])
{
    const time_t at = (time_t)(at_ms / 1000);
    struct tm utc;
    gmtime_r(&at, &utc);
    if (strftime(out, BACKUP_STAMP_SIZE, "%Y%m%dT%H%M%SZ", &utc) == 0)
        out[0] = '\0';
}

bool backup_publish_dated(const char *temporary, const char *folder, int64_t at_ms, char out[PATH_MAX])
{
    char stamp[BACKUP_STAMP_SIZE];
    backup_stamp(at_ms, stamp);
    for (int again = 0; again < SAME_SECOND_MAX; again++) {
        char number[16] = "";
        if (again)
            snprintf(number, sizeof number, "-%02d", again);
        int len = snprintf(out, PATH_MAX, "%s/%s%s%s%s", folder, PREFIX, stamp, number, SUFFIX);
        if (len < 0 || len >= PATH_MAX) {
            errno = ENAMETOOLONG;
            return false;
        }
        if (backup_publish(temporary, out))
            return true;
        if (errno != EEXIST)
            return false;
    }
    return false;
}

/* ---- which go ---- */

static bool is_stamp(const char *text)
{
    static const char SHAPE[] = "00000000T000000Z";
    for (size_t i = 0; i < STAMP_LEN; i++)
        if (SHAPE[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != SHAPE[i])
            return false;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "steward-20260305T214208Z.db", or "…Z-01.db" for the second one of that moment. */
static int is_backup(const struct dirent *entry)
{
    const char *at = entry->d_name;
    if (strncmp(at, PREFIX, sizeof PREFIX - 1) != 0 || !is_stamp(at + sizeof PREFIX - 1))
        return 0;
    at += sizeof PREFIX - 1 + STAMP_LEN;
    if (at[0] == '-' && is_digit(at[1]) && is_digit(at[2]))
        at += 3;
    return strcmp(at, SUFFIX) == 0;
}

static int is_temporary(const struct dirent *entry)
{
    return strncmp(entry->d_name, TEMPORARY, sizeof TEMPORARY - 1) == 0;
}

/* Latest first. "Z-01.db" is later than "Z.db", and '-' comes before '.'. */
static int latest_first(const struct dirent **a, const struct dirent **b)
{
    const size_t stamp = sizeof PREFIX - 1 + STAMP_LEN;
    int order = strncmp((*b)->d_name, (*a)->d_name, stamp);
    if (order != 0)
        return order;
    bool a_first = (*a)->d_name[stamp] == '.', b_first = (*b)->d_name[stamp] == '.';
    return a_first != b_first ? (a_first ? 1 : -1) : strcmp((*b)->d_name, (*a)->d_name);
}

/* A plain file, not a link to somewhere else. */
static bool remove_plain(int folder, const char *name)
{
    struct stat about;
    if (fstatat(folder, name, &about, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(about.st_mode))
        return false;
    return unlinkat(folder, name, 0) == 0;
}

static void remove_left_over(int folder, const char *name)
{
    struct stat about;
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return;
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && time(NULL) - about.st_mtime > LEFT_OVER_S &&
        flock(fd, LOCK_EX | LOCK_NB) == 0)
        (void)unlinkat(folder, name, 0);
    close(fd);
}

static void free_list(struct dirent **list, int count)
{
    for (int i = 0; i < count; i++)
        free(list[i]);
    free(list);
}

int backup_prune(const char *folder, long keep, const char *made)
{
    struct dirent **list = NULL;
    const char *own = strrchr(made, '/');
    own = own ? own + 1 : made;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int count = scandirat(fd, ".", &list, is_temporary, NULL);
    for (int i = 0; i < count; i++)
        remove_left_over(fd, list[i]->d_name);
    free_list(list, count);
    list = NULL;
    count = keep > 0 ? scandirat(fd, ".", &list, is_backup, latest_first) : 0;
    long kept = 1;
    int removed = 0; /* the one just made may have the oldest name: clocks are set back */
    for (int i = 0; i < count; i++)
        if (strcmp(list[i]->d_name, own) != 0 && ++kept > keep && remove_plain(fd, list[i]->d_name))
            removed++;
    free_list(list, count);
    close(fd);
    return count < 0 ? -1 : removed;
}
