/* Files and descriptors: the folder that a file is in, writing to the end, how many may be open. The calling thread;
 * what writes or syncs blocks as long as the other side does. */
#ifndef CORE_BASE_FILES_H
#define CORE_BASE_FILES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "/a" of "/a/b", "/" of "/a", "." of "a". false when it is too long. */
bool folder_of(const char *file, char out[PATH_MAX]);
/* Makes durable what the folder of `file` says now: that the file is there, or is gone. false sets errno. */
bool folder_sync(const char *file);

/* All of it, in as many calls as the system needs. false sets errno, but for a system that takes nothing. */
bool write_whole(int fd, const void *bytes, size_t len);
/* The same into a socket, without SIGPIPE. */
bool send_whole(int fd, const void *bytes, size_t len);

/* Lets this process open as many files as the system allows, since every connection is one. Gives how many it may open
 * now; fewer than *ret_allowed (may be NULL) when raising the limit has failed. May be called again. */
uint64_t open_files_raise(uint64_t *ret_allowed);

#endif
