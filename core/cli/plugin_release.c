/* steward plugin release: a line in the crash file, which the next start reads. Beside a running server or without. */
#include "core/cli/cli.h"
#include "core/cli/place.h"
#include "core/crash/crashes.h"
#include "core/plugin/loader.h"
#include "core/server/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char COMMAND[] = "plugin release";

static int nothing_to_release(const char *name)
{
    cli_say("plugin %s has no crash on record: nothing keeps it from starting", name);
    return CLI_OK;
}

static int run(const place *p, const char *name)
{
    char error[CRASH_FILE_ERROR_MAX];
    if (!place_as_owner(p))
        return cli_fail(COMMAND, "cannot act as the owner of %s: %s", p->data_dir, strerror(errno));
    int count = p->exists ? crash_file_release(p->data_dir, name, error) : 0;
    if (count < 0)
        return cli_fail(COMMAND, "%s", error);
    if (count == 0)
        return nothing_to_release(name);
    cli_say("plugin %s is released: %d crash%s no longer count%s; it starts with the next start of the server", name,
            count, count == 1 ? "" : "es", count == 1 ? "s" : "");
    return CLI_OK;
}

int cli_plugin_release(const cli_args *args)
{
    const char *name = args->words[0];
    if (!plugin_name_valid(name))
        return cli_fail(COMMAND, "\"%s\" is no name of a plugin", name);
    place *p = calloc(1, sizeof *p);
    int code = p ? CLI_FAILED : cli_fail(COMMAND, "no memory");
    if (p && place_find(p, COMMAND, args->config))
        code = run(p, name);
    if (p)
        place_done(p);
    free(p);
    return code;
}
