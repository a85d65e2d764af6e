#include "core/base/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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
