/* What a host says: the text of its latest failure, and its log. */
#include "core/testhost/testhost.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool host_fail(sw_test *t, const char *format, ...)
{
    va_list args;
    char text[HOST_ERROR_MAX];
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == '\n')
        text[--len] = '\0';
    memcpy(t->error, text, len + 1);
    return false;
}

const char *sw_test_error(const sw_test *t)
{
    return t->error;
}

bool host_fail_by_log(sw_test *t)
{
    const char *found = NULL;
    for (const char *at = sw_test_log(t); (at = strstr(at, " error ")); at++)
        found = at;
    return host_fail(t, "%.*s", found ? (int)strcspn(found, "\n") : 40,
                     found ? found + strlen(" error ") : "the server does not start");
}

const char *sw_test_log(sw_test *t)
{
    struct stat st;
    int fd = t->folder_fd >= 0 ? openat(t->folder_fd, "log", O_RDONLY | O_CLOEXEC) : -1;
    size_t size = fd >= 0 && fstat(fd, &st) == 0 ? (size_t)st.st_size : 0, len = 0;
    char *text = malloc(size + 1);
    while (text && fd >= 0 && len < size) {
        ssize_t n = read(fd, text + len, size - len);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    if (fd >= 0)
        close(fd);
    if (!text)
        return "";
    text[len] = '\0';
    free(t->log);
    t->log = text;
    return text;
}

size_t sw_test_logged(sw_test *t, const char *text)
{
    size_t count = 0;
    for (const char *line = sw_test_log(t); *line;) {
        size_t len = strcspn(line, "\n");
        const char *found = strstr(line, text);
        count += found && (size_t)(found - line) < len;
        line += len + (line[len] == '\n');
    }
    return count;
}
