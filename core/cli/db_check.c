/* steward db check: what is wrong with the store, or with a backup of it. Reads alone. */
#include "core/admin/admin.h"
#include "core/base/files.h"
#include "core/cli/cli.h"
#include "core/cli/place.h"
#include "core/db/snapshot.h"
#include "core/plugin/registry.h"
#include "core/server/server.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

static const char COMMAND[] = "db check";

enum { ERROR_MAX = PATH_MAX + 512 };

typedef struct {
    place place;
    const char *file; /* NULL for the store of the data folder */
    snapshot *store;
    const server *plugins; /* NULL when they could not be loaded */
    unsigned problems;
} check;

static void problem(void *arg, const char *text)
{
    check *c = arg;
    c->problems++;
    cli_say("  wrong: %s", text);
}

/* false when a signal came. */
static bool look_through(check *c, const char *title,
                         sw_status (*examine)(sqlite3 *raw, snapshot_stop stop, examine_found found, void *arg))
{
    unsigned before = c->problems;
    sw_status status = examine(snapshot_raw(c->store), signals_pending, problem, c);
    if (status == SW_BUSY)
        return false;
    printf("%s: %s\n", title, c->problems == before ? "ok" : "see above");
    return true;
}

static void compare_schema(check *c)
{
    int64_t version = 0, own = 0;
    sw_status status = examine_schema(snapshot_raw(c->store), &version, &own);
    if (status != SW_OK && status != SW_INVALID)
        problem(c, "the version of its schema cannot be read");
    else if (status == SW_INVALID)
        problem(c, "it was written by a newer server, which this one will not open");
    printf("schema: %" PRId64 ", this server knows %" PRId64 "\n", version, own);
}

static void compare_key(check *c)
{
    char error[ERROR_MAX];
    keyring keys;
    uint8_t value[32];
    sw_status status = SW_INTERNAL;
    const char *path = c->file ? c->file : c->place.store_path; /* exists: no key is made for it */
    if (!master_key_load(c->place.config, c->place.data_dir, path, &keys, error, sizeof error)) {
        problem(c, error);
        return;
    }
    if (master_key_check_value(&keys, value) == SW_OK)
        status = store_key_check(snapshot_raw(c->store), value);
    crypto_wipe(&keys, sizeof keys);
    if (status == SW_INVALID)
        problem(c, "it was made with another master.key than the one that is here");
    else if (status != SW_OK)
        problem(c, "it has lost its key check value");
    printf("key: %s\n", status == SW_OK ? "that of master.key" : "see above");
}

/* What this build would do to a plugin's tables at the next start: the end of the sentence about them. */
static void compare_plugin(check *c, const char *name, char *ret_end, size_t size)
{
    char error[256];
    unsigned missing = 0;
    const sw_host *m = c->plugins && c->plugins->plugins ? registry_find(c->plugins->plugins, name) : NULL;
    *ret_end = '\0';
    if (!m || m->status == MODULE_QUARANTINED) {
        snprintf(ret_end, size, ", of a plugin that is not loaded");
        return;
    }
    sw_status status =
        store_migrations_missing(snapshot_raw(c->store), name, m->plugin->migrations, &missing, error, sizeof error);
    if (status != SW_OK)
        problem(c, error);
    else if (missing)
        snprintf(ret_end, size, ", %u more at the next start", missing);
}

static void tell_plugin(void *arg, const char *plugin, int64_t count, const char *latest)
{
    char end[64];
    compare_plugin(arg, plugin, end, sizeof end);
    cli_say("tables of %s: %" PRId64 " migrations, the latest is %s%s", plugin, count, latest, end);
}

static int examine(check *c)
{
    bool whole = look_through(c, "integrity", examine_integrity) && look_through(c, "references", examine_foreign_keys);
    if (!whole)
        return cli_fail(COMMAND, "stopped by a signal");
    compare_schema(c);
    compare_key(c);
    if (examine_migrations(snapshot_raw(c->store), tell_plugin, c) != SW_OK)
        problem(c, "the list of its migrations cannot be read");
    if (c->problems == 0)
        return CLI_OK;
    fflush(stdout);
    return cli_fail(COMMAND, "%u problems", c->problems);
}

static int run(check *c)
{
    char error[ERROR_MAX], folder[PATH_MAX];
    const char *path = c->file ? c->file : c->place.store_path;
    if (!c->file && !c->place.exists)
        return cli_fail(COMMAND, "there is no store: %s", path);
    if (!folder_of(path, folder))
        return cli_fail(COMMAND, "%s: the path is too long", path);
    if (!place_as_fits(&c->place, folder))
        return cli_fail(COMMAND, "%s: %s", folder, strerror(errno));
    if (snapshot_open(path, &c->store, error, sizeof error) != SW_OK)
        return cli_fail(COMMAND, "%s", error);
    printf("%s\n", path);
    int code = examine(c);
    snapshot_close(c->store);
    return code;
}

int cli_db_check(const cli_args *args)
{
    check *c = calloc(1, sizeof *c);
    server *s = calloc(1, sizeof *s);
    const server_source from = {.config_file = cli_config_file(args->config), .environment = environ, .offline = true};
    int code = CLI_FAILED;
    signals_block();
    if (!c || !s) {
        cli_fail(COMMAND, "no memory");
    } else if (place_find_with_key(&c->place, COMMAND, args->config)) {
        c->file = args->count ? args->words[0] : NULL;
        if (server_configure_from(s, &from))
            c->plugins = s;
        else
            cli_fail(COMMAND,
                     "the plugins' tables are not compared, since the configuration has errors (steward check)");
        code = run(c);
        server_close(s);
    }
    if (c)
        place_done(&c->place);
    free(s);
    free(c);
    return code;
}
