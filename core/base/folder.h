/* The folder that a file is in. The calling thread; it blocks as long as the disk does. */
#ifndef CORE_BASE_FOLDER_H
#define CORE_BASE_FOLDER_H

#include <limits.h>
#include <stdbool.h>

/* "/a" of "/a/b", "/" of "/a", "." of "a". false: too long. */
bool folder_of(const char *file, char out[PATH_MAX]);
/* Makes durable what the folder of `file` says now: that the file is there, or is gone. false: errno. */
bool folder_sync(const char *file);

#endif
