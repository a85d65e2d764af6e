/* steward user passwd NAME: by the server that runs, or in its place. */
#include "core/admin/operator/operator.h"
#include "core/cli/cli.h"
#include "core/cli/place.h"
#include "core/common/utf8.h"
#include "core/runtime/thread.h"
#include "core/server/server.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <syslog.h>
#include <termios.h>
#include <unistd.h>

extern char **environ;

enum { ORDER_MAX = 8192 };

static const char COMMAND[] = "user passwd";

/* ---- the new password ---- */

/* One line of stdin without its end, byte by byte: what stands behind it is for somebody else. On a terminal a signal
 * (`signals`, -1: none) ends it. */
static bool read_line(int signals, char *out, size_t size, const char **ret_why)
{
    size_t len = 0;
    *ret_why = "it is too long";
    while (len < size) {
        struct pollfd ready[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
        if (poll(ready, 2, -1) < 0 && errno == EINTR)
            continue;
        *ret_why = "stopped by a signal";
        if (ready[1].revents)
            return false;
        ssize_t n = read(STDIN_FILENO, out + len, 1);
        if (n < 0 && errno == EINTR)
            continue;
        *ret_why = "stdin cannot be read";
        if (n < 0)
            return false;
        if (n == 0 || out[len] == '\n') {
            out[len] = '\0';
            *ret_why = "it holds a NUL character";
            return strlen(out) == len;
        }
        len++;
        *ret_why = "it is too long";
    }
    return false;
}

static bool ask(const char *what, const char *again, int signals, char *out, size_t size, const char **ret_why)
{
    fprintf(stderr, "%s%s: ", what, again);
    fflush(stderr);
    bool good = read_line(signals, out, size, ret_why);
    fputc('\n', stderr); /* the terminal has not shown the one that was typed */
    return good;
}

static bool ask_twice(const char *what, int signals, char *out, size_t size, const char **ret_why)
{
    char second[1024];
    if (!ask(what, "", signals, out, size, ret_why) || !ask(what, ", again", signals, second, sizeof second, ret_why)) {
        explicit_bzero(second, sizeof second);
        return false;
    }
    bool same = strcmp(out, second) == 0;
    explicit_bzero(second, sizeof second);
    if (!same)
        *ret_why = "the two are not the same";
    return same;
}

/* ^C and the like come by a descriptor, so that the terminal is as it was before whatever happens; ^Z waits. */
static bool from_terminal(const char *what, char *out, size_t size, const char **ret_why)
{
    struct termios before, silent;
    sigset_t ends, held, was;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGHUP);
    sigaddset(&ends, SIGQUIT);
    held = ends;
    sigaddset(&held, SIGTSTP);
    *ret_why = "the terminal cannot be made silent";
    int signals = signalfd(-1, &ends, SFD_CLOEXEC);
    if (signals < 0)
        return false;
    sigprocmask(SIG_BLOCK, &held, &was);
    bool good = false;
    if (tcgetattr(STDIN_FILENO, &before) == 0) {
        silent = before;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0)
            good = ask_twice(what, signals, out, size, ret_why);
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    }
    close(signals);
    sigprocmask(SIG_SETMASK, &was, NULL);
    return good;
}

/* Asks a person for a secret, or reads it from a pipe: from a terminal twice and without showing it, `what` ("new
 * password") being the question; else the first line of stdin. It is UTF-8 without NUL, not empty, shorter than `size`.
 * false: `out` is wiped, and *ret_why is a sentence. Main thread. */
static bool secret_input(const char *what, char *out, size_t size, const char **ret_why)
{
    bool good = isatty(STDIN_FILENO) ? from_terminal(what, out, size, ret_why) : read_line(-1, out, size, ret_why);
    if (good && *out == '\0') {
        *ret_why = "it is empty";
        good = false;
    }
    if (good && !utf8_valid(out, strlen(out))) {
        *ret_why = "it is not UTF-8";
        good = false;
    }
    if (!good)
        explicit_bzero(out, size);
    return good;
}

/* ---- who asks, for the log ---- */

static const char *name_of_user(uid_t uid)
{
    const struct passwd *user = getpwuid(uid);
    return user ? user->pw_name : NULL;
}

/* Who signed in to this machine, whatever user they have become since; -1 when nobody knows. */
static long signed_in(void)
{
    char text[32] = "";
    FILE *in = fopen("/proc/self/loginuid", "re");
    if (in && !fgets(text, sizeof text, in))
        text[0] = '\0';
    if (in)
        fclose(in);
    return text[0] >= '0' && text[0] <= '9' && strtoul(text, NULL, 10) < UINT32_MAX ? strtol(text, NULL, 10) : -1;
}

/* What is wanted, and by whom: "root", or "root for alice" after sudo or su, found out before the process becomes
 * another user. */
typedef struct {
    const char *name, *password;
    char by[OPERATOR_BY_MAX];
} wish;

static void find_asker(wish *w)
{
    const char *sudo = getenv("SUDO_USER");
    char own[64], number[16];
    snprintf(number, sizeof number, "%lu", (unsigned long)getuid());
    const char *name = name_of_user(getuid());
    snprintf(own, sizeof own, "%s", name ? name : number);
    const char *behind = sudo && *sudo ? sudo : signed_in() >= 0 ? name_of_user((uid_t)signed_in()) : NULL;
    if (behind && strcmp(behind, own) != 0)
        snprintf(w->by, sizeof w->by, "%s for %.64s", own, behind);
    else
        snprintf(w->by, sizeof w->by, "%s", own);
}

/* No server runs that could log it: the system's own log for such things does. */
static void note(const wish *w)
{
    openlog("steward", LOG_PID, LOG_AUTHPRIV);
    syslog(LOG_NOTICE, "the password of %s was changed by %s", w->name, w->by);
    closelog();
}

/* ---- while no server runs ---- */

static int tell(const char *name)
{
    cli_say("the password of %s is changed; whoever was signed in by the old one has to sign in again", name);
    return CLI_OK;
}

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

static int change_here(server *s, const wish *w)
{
    outcome o = {.status = SW_BUSY};
    latch_init(&o.done);
    if (operator_set_password(&s->rt, w->name, w->password, on_done, &o))
        latch_wait(&o.done);
    latch_done(&o.done);
    if (o.status != SW_OK)
        return cli_fail(COMMAND, "%s", *o.text ? o.text : "it failed");
    note(w);
    return tell(w->name);
}

/* The store, its writer and the plugins auth and users, without a network. The configuration is read as the caller, who
 * may see more of it; the rest is done as the owner of the data folder. */
static int in_place_of_server(const place *p, const cli_args *args, const wish *w)
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
        code = change_here(s, w);
    server_close(s);
    free(s);
    return code;
}

/* ---- by the server that runs ---- */

static sw_status ask_server(const place *p, const wish *w, char *text, size_t size)
{
    sw_json order;
    json_init(&order, ORDER_MAX);
    sw_json_object_begin(&order, NULL);
    sw_json_text(&order, "name", w->name);
    sw_json_text(&order, "password", w->password);
    sw_json_text(&order, "by", w->by);
    sw_json_object_end(&order);
    sw_status status = operator_ask(p->data_dir, "/user/passwd", &order, text, size);
    json_done(&order);
    return status;
}

/* ---- which of the two ---- */

static int change(const place *p, const cli_args *args, const wish *w)
{
    char text[OPERATOR_TEXT_MAX] = "";
    struct stat about;
    if (!place_as_owner(p))
        return cli_fail(COMMAND, "cannot act as the owner of %s: %s", p->data_dir, strerror(errno));
    if (stat(p->store_path, &about) != 0)
        return cli_fail(COMMAND, "%s: %s", p->store_path, strerror(errno));
    sw_status status = ask_server(p, w, text, sizeof text);
    if (status == SW_NOT_FOUND)
        return in_place_of_server(p, args, w);
    return status == SW_OK ? tell(w->name) : cli_fail(COMMAND, "%s", text);
}

int cli_user_passwd(const cli_args *args)
{
    place p;
    char password[OPERATOR_PASSWORD_MAX];
    const char *why = "", *name = args->words[0];
    wish w = {.name = name, .password = password};
    int code = CLI_FAILED;
    if (strlen(name) >= OPERATOR_NAME_MAX)
        return cli_fail(COMMAND, "there is no user named %s", name);
    find_asker(&w);
    if (place_find(&p, COMMAND, args->config)) {
        struct stat about;
        if (!p.exists || (stat(p.store_path, &about) != 0 && errno == ENOENT))
            code = cli_fail(COMMAND,
                            "there is no store at %s: the first start of the server makes it, with its first admin",
                            p.store_path);
        else if (!secret_input("new password", password, sizeof password, &why))
            code = cli_fail(COMMAND, "no password was read: %s", why);
        else
            code = change(&p, args, &w);
    }
    explicit_bzero(password, sizeof password);
    place_done(&p);
    return code;
}
