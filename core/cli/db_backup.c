/* steward db backup: a copy of the store, beside a server or without one. Main thread. */
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

static const char COMMAND[] = "db backup";

enum { ERROR_MAX = PATH_MAX + 512 };

typedef struct {
    place place;
    snapshot *from;
    int64_t at_ms;             /* when the snapshot began */
    const char *file;          /* NULL for a name of ours in the default folder */
    char folder[PATH_MAX + 8]; /* of the target */
    char made[PATH_MAX];       /* the backup */
    long keep;
} backup;

static int fail_at(const char *path)
{
    return cli_fail(COMMAND, "%s: %s", path, strerror(errno));
}

/* The default one belongs to the owner of the data folder, and so does what is put into any other folder of theirs.
 * Elsewhere a backup is the caller's. */
static int prepare_folder(backup *b)
{
    struct stat about;
    if (!b->file) {
        snprintf(b->folder, sizeof b->folder, "%s/backups", b->place.data_dir);
        return mkdir(b->folder, 0700) == 0 || errno == EEXIST ? CLI_OK : fail_at(b->folder);
    }
    if (!folder_of(b->file, b->folder))
        return cli_fail(COMMAND, "the path is too long");
    if (!place_as_fits(&b->place, b->folder))
        return fail_at(b->folder);
    return lstat(b->file, &about) == 0 ? cli_fail(COMMAND, "%s exists already", b->file) : CLI_OK;
}

static int publish(backup *b, const char *temporary)
{
    if (!b->file)
        return backup_publish_dated(temporary, b->folder, b->at_ms, b->made) ? CLI_OK : fail_at(b->made);
    snprintf(b->made, sizeof b->made, "%s", b->file);
    if (backup_publish(temporary, b->made))
        return CLI_OK;
    return errno == EEXIST ? cli_fail(COMMAND, "%s exists already", b->file) : fail_at(b->file);
}

/* Nothing is left behind unless it has its name. */
static int make(backup *b)
{
    char temporary[PATH_MAX], error[ERROR_MAX];
    int fd = backup_temporary(b->folder, temporary);
    if (fd < 0)
        return fail_at(b->folder);
    int code;
    if (snapshot_copy(b->from, temporary, signals_pending, error, sizeof error) != SW_OK)
        code = cli_fail(COMMAND, "%s", error);
    else
        code = publish(b, temporary);
    if (code != CLI_OK)
        (void)unlink(temporary);
    close(fd);
    return code;
}

static int tell(const backup *b)
{
    struct stat about;
    if (stat(b->made, &about) != 0)
        return fail_at(b->made);
    printf("%s: %lld bytes\n", b->made, (long long)about.st_size);
    fprintf(stderr,
            "It is of use only with the key that the store was made with (master.key in %s, or what "
            "auth.master_key_file names): keep a copy of that in another place.\n",
            b->place.data_dir);
    return CLI_OK;
}

/* Old ones go only once the new one is safe. The backup has not failed when they cannot be removed. */
static void prune(const backup *b)
{
    if (!b->file && backup_prune(b->folder, b->keep, b->made) < 0)
        fprintf(stderr, "steward db backup: old backups stay: %s: %s\n", b->folder, strerror(errno));
}

static int run(backup *b)
{
    char error[ERROR_MAX];
    if (!place_as_owner(&b->place))
        return cli_fail(COMMAND, "cannot act as the owner of %s: %s", b->place.data_dir, strerror(errno));
    b->at_ms = sw_now_ms();
    sw_status status =
        b->place.exists ? snapshot_open(b->place.store_path, &b->from, error, sizeof error) : SW_NOT_FOUND;
    if (status == SW_NOT_FOUND) { /* a server that was installed and never started: an upgrade goes on */
        printf("nothing to back up: there is no store at %s\n", b->place.store_path);
        return CLI_OK;
    }
    if (status != SW_OK)
        return cli_fail(COMMAND, "%s", error);
    int code = prepare_folder(b);
    if (code == CLI_OK)
        code = make(b);
    if (code == CLI_OK)
        code = tell(b);
    if (code == CLI_OK)
        prune(b);
    if (!place_as_owner(&b->place)) /* closing may fold the WAL in */
        return cli_fail(COMMAND, "cannot act as the owner of %s: %s", b->place.data_dir, strerror(errno));
    snapshot_close(b->from);
    return code;
}

int cli_db_backup(const cli_args *args)
{
    if (args->keep && args->count) {
        cli_fail(COMMAND, "--keep is for backups without FILE");
        return CLI_USAGE;
    }
    backup *b = calloc(1, sizeof *b);
    if (!b)
        return cli_fail(COMMAND, "no memory");
    signals_block();
    signal(SIGXFSZ, SIG_IGN); /* a limit on files is an error to tell, not an end */
    int code = CLI_FAILED;
    if (place_find(&b->place, COMMAND, args->config)) {
        b->file = args->count ? args->words[0] : NULL;
        b->keep = args->keep ? args->keep_count : (long)config_int(b->place.config, "storage.backups_kept");
        code = run(b);
    }
    place_done(&b->place);
    free(b);
    return code;
}
