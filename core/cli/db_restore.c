/* steward db restore FILE: a backup becomes the store, and what was the store stays beside it. */
#include "core/admin/admin.h"
#include "core/base/files.h"
#include "core/cli/backup_folder.h"
#include "core/cli/cli.h"
#include "core/cli/place.h"
#include "core/db/snapshot.h"
#include "core/server/server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char COMMAND[] = "db restore";

enum { ERROR_MAX = PATH_MAX + 512, SAME_SECOND_MAX = 100 };

typedef struct {
    place place;
    const char *file;
    char from_folder[PATH_MAX], store_folder[PATH_MAX];
    char aside[PATH_MAX + 64]; /* what the store that was here is called now; "": it has not been touched */
    bool lost;                 /* there was none */
    bool known;                /* it said which ids it had given */
    snapshot *from;
} restore;

static int fail_at(const char *path)
{
    return cli_fail(COMMAND, "%s: %s", path, strerror(errno));
}

/* ---- is it one that the server will open? ---- */

static int compare_key(const restore *r)
{
    char error[ERROR_MAX];
    keyring keys;
    uint8_t value[32];
    if (!place_as_owner(&r->place))
        return fail_at(r->place.data_dir);
    if (!master_key_load(r->place.config, r->place.data_dir, r->file, &keys, error, sizeof error))
        return cli_fail(COMMAND, "%s; a backup is of use only with the key of the store that it is of", error);
    sw_status status = master_key_check_value(&keys, value);
    crypto_wipe(&keys, sizeof keys);
    if (status == SW_OK)
        status = store_key_check(snapshot_raw(r->from), value);
    return status == SW_OK ? CLI_OK
                           : cli_fail(COMMAND, "%s was made with another master.key: put that one into %s first",
                                      r->file, r->place.data_dir);
}

static int open_backup(restore *r)
{
    char error[ERROR_MAX];
    int64_t version, own;
    struct stat backup, present;
    if (!folder_of(r->file, r->from_folder) || !folder_of(r->place.store_path, r->store_folder))
        return cli_fail(COMMAND, "the path is too long");
    if (!place_as_fits(&r->place, r->from_folder))
        return fail_at(r->from_folder);
    if (snapshot_open(r->file, &r->from, error, sizeof error) != SW_OK)
        return cli_fail(COMMAND, "%s", error);
    if (stat(r->file, &backup) == 0 && stat(r->place.store_path, &present) == 0 && backup.st_dev == present.st_dev &&
        backup.st_ino == present.st_ino)
        return cli_fail(COMMAND, "%s is the store itself", r->file);
    if (examine_schema(snapshot_raw(r->from), &version, &own) != SW_OK)
        return cli_fail(COMMAND, "%s was written by a newer server: install that version, and restore it there",
                        r->file);
    return compare_key(r);
}

/* ---- the store that is there ---- */

/* The name that the store gets: one that is free. */
static bool choose_aside(restore *r)
{
    char stamp[BACKUP_STAMP_SIZE];
    backup_stamp(sw_now_ms(), stamp);
    for (int again = 0; again < SAME_SECOND_MAX; again++) {
        char number[16] = "";
        if (again)
            snprintf(number, sizeof number, "-%02d", again);
        snprintf(r->aside, sizeof r->aside, "%s.replaced-%s%s", r->place.store_path, stamp, number);
        if (access(r->aside, F_OK) != 0)
            return true;
    }
    return false;
}

/* A second name for it, so that there is a store at any moment: a server that finds none begins with an empty one.
 * Where a file cannot have two names it is moved. */
static bool name_aside(const restore *r)
{
    if (link(r->place.store_path, r->aside) == 0)
        return true;
    return (errno == EPERM || errno == EOPNOTSUPP || errno == EMLINK) && backup_publish(r->place.store_path, r->aside);
}

/* The store's -wal or -shm, from one name of it to the other. true: moved, or there is none. */
static bool move_beside(const char *from, const char *to, const char *suffix)
{
    char old[PATH_MAX + 80], new[PATH_MAX + 80];
    snprintf(old, sizeof old, "%s%s", from, suffix);
    snprintf(new, sizeof new, "%s%s", to, suffix);
    return rename(old, new) == 0 || errno == ENOENT;
}

/* As if nothing had been done. */
static void bring_back(const restore *r)
{
    if (!*r->aside)
        return;
    (void)move_beside(r->aside, r->place.store_path, "-wal");
    (void)move_beside(r->aside, r->place.store_path, "-shm");
    if (access(r->place.store_path, F_OK) == 0)
        (void)unlink(r->aside);
    else
        (void)rename(r->aside, r->place.store_path);
}

/* As it is, damaged or not. The WAL of one store beside another one would damage that: it goes along, also when its own
 * store is lost. */
static int set_aside(restore *r)
{
    if (!choose_aside(r))
        return cli_fail(COMMAND, "%s: too many stores were replaced within a second", r->place.store_path);
    if (access(r->place.store_path, F_OK) != 0)
        r->lost = true;
    else if (!name_aside(r))
        return fail_at(r->aside);
    bool moved =
        move_beside(r->place.store_path, r->aside, "-wal") && move_beside(r->place.store_path, r->aside, "-shm");
    return moved ? CLI_OK : fail_at(r->place.store_path);
}

/* ---- the change ---- */

static int put_in_place(restore *r)
{
    char temporary[PATH_MAX], error[ERROR_MAX] = "";
    int fd = backup_temporary(r->store_folder, temporary);
    if (fd < 0)
        return fail_at(r->store_folder);
    sw_status copied = snapshot_copy(r->from, temporary, signals_pending, error, sizeof error);
    int code = copied == SW_OK ? CLI_OK : cli_fail(COMMAND, "%s", error);
    if (code == CLI_OK &&
        (snapshot_succeed(temporary, r->place.store_path, &r->known, error, sizeof error) != SW_OK || fsync(fd) != 0))
        code = cli_fail(COMMAND, "%s", *error ? error : strerror(errno));
    if (code == CLI_OK)
        code = set_aside(r);
    if (code == CLI_OK && rename(temporary, r->place.store_path) != 0)
        code = fail_at(r->place.store_path);
    if (code != CLI_OK) {
        bring_back(r);
        (void)unlink(temporary);
    } else if (!folder_sync(r->place.store_path)) {
        code = fail_at(r->store_folder); /* it is in place, and a power cut may undo that */
    }
    close(fd);
    return code;
}

static int tell(const restore *r)
{
    printf("%s: restored from %s\n", r->place.store_path, r->file);
    if (!r->lost)
        printf("%s: the store that it replaces; remove it when it is not needed any more\n", r->aside);
    return CLI_OK;
}

static int run(restore *r)
{
    char error[ERROR_MAX];
    if (!r->place.exists)
        return cli_fail(COMMAND, "there is no data folder %s", r->place.data_dir);
    if (!place_as_owner(&r->place))
        return fail_at(r->place.data_dir);
    int lock = data_dir_lock(r->place.data_dir, error, sizeof error);
    if (lock < 0)
        return cli_fail(COMMAND, "%s: stop it first", error);
    int code = open_backup(r);
    if (code == CLI_OK)
        code = place_as_owner(&r->place) ? put_in_place(r) : fail_at(r->place.data_dir);
    if (code == CLI_OK)
        code = tell(r);
    if (r->from)
        (void)place_as_fits(&r->place, r->from_folder); /* what SQLite made beside it */
    snapshot_close(r->from);
    close(lock);
    return code;
}

int cli_db_restore(const cli_args *args)
{
    restore *r = calloc(1, sizeof *r);
    if (!r)
        return cli_fail(COMMAND, "no memory");
    signals_block();
    signal(SIGXFSZ, SIG_IGN);
    int code = CLI_FAILED;
    if (place_find_with_key(&r->place, "db restore", args->config)) {
        r->file = args->words[0];
        code = run(r);
    }
    place_done(&r->place);
    free(r);
    return code;
}
