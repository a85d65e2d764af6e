#include "core/cli/secret_input.h"

#include "core/common/utf8.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

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

bool secret_input(const char *what, char *out, size_t size, const char **ret_why)
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
