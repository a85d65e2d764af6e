/* steward serve: the main thread of a server, from its options to its end. */
#include "core/cli/cli.h"
#include "core/server/server.h"

#include "core/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

/* "[::1]" for IPv6. */
static void print_listening(const server *s)
{
    const char *host = config_text(s->rt.config, "server.host");
    char address[300];
    if (strchr(host, ':') && host[0] != '[')
        snprintf(address, sizeof address, "http://[%s]:%d", host, s->port);
    else
        snprintf(address, sizeof address, "http://%s:%d", host, s->port);
    http_totals totals = http_read_totals(s->http);
    log_info("server", "steward %s (%s) answers on %s: %u plugins, up to %u connections, data in %s", s->rt.version,
             config_text(s->rt.config, "server.env"), address, registry_running(s->plugins), totals.limit, s->data_dir);
    if (s->rt.safe_mode)
        log_warn("server", "safe mode: no plugins but auth and users were loaded, whatever plugins.enabled says");
    printf("listening on %s\n", address);
    fflush(stdout);
}

int cli_serve(const cli_args *args)
{
    server *s = malloc(sizeof *s);
    if (!s)
        return CLI_FAILED;
    signals_block();
    int code = CLI_FAILED;
    bool show = args->print_initial_password || isatty(STDOUT_FILENO);
    const server_source from = {
        .config_file = cli_config_file(args->config),
        .environment = environ,
        .serves = true,
        .safe_mode = args->safe_mode,
        .new_store = args->new_store,
    };
    if (!server_configure_from(s, &from)) {
        log_complain(s->rt.config ? config_errors(s->rt.config) : "no memory\n");
        code = s->rt.config && *config_errors(s->rt.config) ? CLI_BAD_CONFIG : CLI_FAILED;
    } else if (server_open(s, show ? INITIAL_PASSWORD_STDOUT : INITIAL_PASSWORD_FILE)) {
        print_listening(s);
        notify("READY=1");
        signals_serve(s);
        server_stop(s);
        log_info("server", "stopped");
        code = CLI_OK;
    }
    server_close(s);
    free(s);
    return code;
}
