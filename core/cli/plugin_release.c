/* steward plugin release: a line in the crash file, which the next start reads. Beside a running server or without. */
#include "core/cli/cli.h"
#include "core/cli/place.h"
#include "core/crash/crash_file.h"
#include "core/plugin/loader.h"
#include "core/server/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char COMMAND[] = "plugin release";

/* How many of its crashes could still count, of any build and however old. */
static unsigned open_crashes(const crash_history *h, const char *name)
{
    return crash_history_tally(h, name, NULL, sw_now_ms(), INT64_MAX / 2).count;
}

static int nothing_to_release(const char *name)
{
    printf("plugin %s has no crash on record: nothing keeps it from starting\n", name);
    return CLI_OK;
}

static int release(int fd, const crash_history *h, const char *name)
{
    unsigned count = open_crashes(h, name);
    if (count == 0)
        return nothing_to_release(name);
    crash_record record = {.word = CRASH_RELEASED, .at_ms = sw_now_ms()};
    crash_text(record.plugin, sizeof record.plugin, name, strlen(name));
    if (!crash_file_append(fd, &record))
        return cli_fail(COMMAND, "the crash file cannot be written: %s", strerror(errno));
    printf("plugin %s is released: %u crash%s no longer count%s; it starts with the next start of the server\n", name,
           count, count == 1 ? "" : "es", count == 1 ? "s" : "");
    return CLI_OK;
}

static int run(const place *p, crash_history *h, const char *name)
{
    char error[CRASH_FILE_ERROR_MAX];
    if (!place_as_owner(p))
        return cli_fail(COMMAND, "cannot act as the owner of %s: %s", p->data_dir, strerror(errno));
    int fd = p->exists ? crash_file_open(p->data_dir, false, h, error) : -1;
    if (fd < 0)
        return p->exists && *error ? cli_fail(COMMAND, "%s", error) : nothing_to_release(name);
    int code = release(fd, h, name);
    close(fd);
    return code;
}

int cli_plugin_release(const cli_args *args)
{
    const char *name = args->words[0];
    if (!plugin_name_valid(name))
        return cli_fail(COMMAND, "\"%s\" is no name of a plugin", name);
    place *p = calloc(1, sizeof *p);
    crash_history *h = calloc(1, sizeof *h);
    int code = p && h ? CLI_FAILED : cli_fail(COMMAND, "no memory");
    if (p && h && place_find(p, COMMAND, args->config))
        code = run(p, h, name);
    if (p)
        place_done(p);
    free(h);
    free(p);
    return code;
}
