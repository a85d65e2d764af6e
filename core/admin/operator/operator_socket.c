/* The address of the socket, the same for both sides. Any thread. */
#include "core/admin/operator/operator.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* An address has room for 107 bytes, and data folders of tests and containers are longer: so by the open folder. */
int operator_socket(const char *data_dir, struct sockaddr_un *ret, int *ret_folder)
{
    int folder = open(data_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        int why = errno;
        close(folder);
        errno = why;
        return -1;
    }
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(ret->sun_path, sizeof ret->sun_path, "/proc/self/fd/%d/control", folder);
    *ret_folder = folder;
    return fd;
}
