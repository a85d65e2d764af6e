/* steward user passwd NAME: by the server that runs, or in its place. */
#include "core/admin/operator/operator.h"
#include "core/cli/cli.h"
#include "core/cli/place.h"
#include "core/cli/secret_input.h"
#include "core/runtime/thread.h"
#include "core/server/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

enum { ORDER_MAX = 8192 };

static const char COMMAND[] = "user passwd";

static int tell(const char *name)
{
    printf("the password of %s is changed; whoever was signed in by the old one has to sign in again\n", name);
    return CLI_OK;
}

/* ---- while no server runs ---- */

typedef struct {
    latch done;
    sw_status status;
    char text[OPERATOR_TEXT_MAX];
} outcome;

static void on_done(void *arg, sw_status status, const char *text)
{
    outcome *o = arg;
    o->status = status;
    snprintf(o->text, sizeof o->text, "%s", text);
    latch_open(&o->done);
}

static int change_here(server *s, const char *name, const char *password)
{
    outcome o = {.status = SW_BUSY};
    latch_init(&o.done);
    if (operator_set_password(&s->rt, name, password, on_done, &o))
        latch_wait(&o.done);
    latch_done(&o.done);
    return o.status == SW_OK ? tell(name) : cli_fail(COMMAND, "%s", *o.text ? o.text : "it failed");
}

/* The store, its writer and the plugins auth and users, without a network. The configuration is read as the caller, who
 * may see more of it; the rest is done as the owner of the data folder. */
static int in_place_of_server(const place *p, const cli_args *args, const char *password)
{
    server *s = malloc(sizeof *s);
    if (!s)
        return cli_fail(COMMAND, "no memory");
    const server_source from = {
        .config_file = cli_config_file(args->config), .environment = environ, .safe_mode = true, .offline = true};
    int code = CLI_FAILED;
    bool good = place_as_caller(p) && server_configure_from(s, &from);
    if (!good)
        fputs(s->rt.config ? config_errors(s->rt.config) : "no memory\n", stderr);
    else if (!config_list_has(s->rt.config, "plugins.enabled", "users"))
        cli_fail(COMMAND, "plugin users, which keeps the passwords, is not enabled (plugins.enabled)");
    else if (!place_become_owner(p))
        cli_fail(COMMAND, "cannot act as the owner of %s: %s", p->data_dir, strerror(errno));
    else if (server_open(s, INITIAL_PASSWORD_FILE))
        code = change_here(s, args->words[0], password);
    server_close(s);
    free(s);
    return code;
}

/* ---- by the server that runs ---- */

static sw_status ask_server(const place *p, const char *name, const char *password, char *text, size_t size)
{
    sw_json order;
    json_init(&order, ORDER_MAX);
    sw_json_object_begin(&order, NULL);
    sw_json_text(&order, "name", name);
    sw_json_text(&order, "password", password);
    sw_json_object_end(&order);
    sw_status status = operator_ask(p->data_dir, "/user/passwd", &order, text, size);
    json_done(&order);
    return status;
}

/* ---- which of the two ---- */

static int change(const place *p, const cli_args *args, const char *password)
{
    char text[OPERATOR_TEXT_MAX] = "";
    struct stat about;
    if (!place_as_owner(p))
        return cli_fail(COMMAND, "cannot act as the owner of %s: %s", p->data_dir, strerror(errno));
    if (stat(p->store_path, &about) != 0)
        return cli_fail(COMMAND, "%s: %s", p->store_path, strerror(errno));
    sw_status status = ask_server(p, args->words[0], password, text, sizeof text);
    if (status == SW_NOT_FOUND)
        return in_place_of_server(p, args, password);
    return status == SW_OK ? tell(args->words[0]) : cli_fail(COMMAND, "%s", text);
}

int cli_user_passwd(const cli_args *args)
{
    place p;
    char password[OPERATOR_PASSWORD_MAX];
    const char *why = "", *name = args->words[0];
    int code = CLI_FAILED;
    if (strlen(name) >= OPERATOR_NAME_MAX)
        return cli_fail(COMMAND, "there is no user named %s", name);
    if (place_find(&p, COMMAND, args->config)) {
        struct stat about;
        if (!p.exists || (stat(p.store_path, &about) != 0 && errno == ENOENT))
            code = cli_fail(COMMAND,
                            "there is no store at %s: the first start of the server makes it, with its first admin",
                            p.store_path);
        else if (!secret_input("new password", password, sizeof password, &why))
            code = cli_fail(COMMAND, "no password was read: %s", why);
        else
            code = change(&p, args, password);
    }
    explicit_bzero(password, sizeof password);
    place_done(&p);
    return code;
}
