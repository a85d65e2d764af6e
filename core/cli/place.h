/* Where the store of a command is, and as which user it may be touched: for commands that run beside a server, or in
 * its place. */
#ifndef CORE_CLI_PLACE_H
#define CORE_CLI_PLACE_H

#include "core/config/config.h"
#include <limits.h>
#include <sys/types.h>

typedef struct {
    config *config; /* sections server and storage, and auth where the key is needed; the rest has its defaults */
    char data_dir[PATH_MAX], store_path[PATH_MAX];
    bool exists; /* the data folder */
    /* root touches the store as the owner of the data folder: files beside it that were root's would lock the server
     * out, and so would a store. */
    bool root_for_owner;
    uid_t owner;
    gid_t group;
} place;

/* Reads the configuration as far as these need it: errors of plugins and of other sections do not count. Makes nothing.
 * false after saying why on stderr, with `command` before it. place_done() either
 * way. */
bool place_find(place *p, const char *command, const char *config_given);
/* The same for commands that need master.key, too. */
bool place_find_with_key(place *p, const char *command, const char *config_given);
void place_done(place *p);

/* From now on files are opened and made as the owner of the data folder, or again as the caller. Nothing changes unless
 * root acts for another. One thread. false: the system refuses, errno. */
bool place_as_owner(const place *p);
bool place_as_caller(const place *p);
/* As the owner in a folder of theirs, and in one that is reached by a folder or a link of theirs: root makes no file
 * where the owner could put a link, and leaves none of its own beside a store. In any other folder as the caller.
 * false: errno, also when there is no such folder. */
bool place_as_fits(const place *p, const char *folder);
/* As its owner for good: before threads that touch the store. */
bool place_become_owner(const place *p);

#endif
