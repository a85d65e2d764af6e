#include "core/base/open_files.h"

#include "core/base/log.h"

#include <sys/resource.h>

enum { USUAL = 1024 }; /* where the limit cannot be read */

uint64_t open_files_raise(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return USUAL;
    if (files.rlim_cur == files.rlim_max)
        return files.rlim_cur;
    struct rlimit raised = {files.rlim_max, files.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
        return raised.rlim_cur;
    log_warn("server", "the limit of open files cannot be raised to %llu", (unsigned long long)files.rlim_max);
    return files.rlim_cur;
}
