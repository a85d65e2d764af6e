/* Files and descriptors, see files.h. */
#include "core/base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { OPEN_FILES_USUAL = 1024 }; /* where the limit cannot be read */

bool folder_of(const char *file, char out[PATH_MAX])
{
    const char *slash = strrchr(file, '/');
    int len = slash == file ? snprintf(out, PATH_MAX, "/")
                            : snprintf(out, PATH_MAX, "%.*s", slash ? (int)(slash - file) : 1, slash ? file : ".");
    return len > 0 && len < PATH_MAX;
}

bool folder_sync(const char *file)
{
    char folder[PATH_MAX];
    if (!folder_of(file, folder)) {
        errno = ENAMETOOLONG;
        return false;
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool good = fsync(fd) == 0;
    int why = errno;
    close(fd);
    errno = why;
    return good;
}

/* For a socket, with its flags for send(); for any other descriptor with negative ones. */
static bool put_whole(int fd, const char *bytes, size_t len, int send_flags)
{
    while (len > 0) {
        ssize_t n = send_flags < 0 ? write(fd, bytes, len) : send(fd, bytes, len, send_flags);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

bool write_whole(int fd, const void *bytes, size_t len)
{
    return put_whole(fd, bytes, len, -1);
}

bool send_whole(int fd, const void *bytes, size_t len)
{
    return put_whole(fd, bytes, len, MSG_NOSIGNAL);
}

uint64_t open_files_raise(uint64_t *ret_allowed)
{
    struct rlimit files, raised;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        files.rlim_cur = files.rlim_max = OPEN_FILES_USUAL;
    if (ret_allowed)
        *ret_allowed = files.rlim_max;
    raised = (struct rlimit){files.rlim_max, files.rlim_max};
    if (files.rlim_cur == files.rlim_max || setrlimit(RLIMIT_NOFILE, &raised) == 0)
        return files.rlim_max;
    return files.rlim_cur;
}
