/* load MODE --host H --port P …: see run, which knows the options of each mode. */
#include "load.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} MODES[] = {
    {"http", load_http}, {"idle", load_idle}, {"relay", load_relay}, {"fanout", load_fanout}, {"echo", load_echo},
};

int main(int argc, char **argv)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; argc > 1 && i < sizeof MODES / sizeof MODES[0]; i++)
        if (strcmp(argv[1], MODES[i].name) == 0)
            return MODES[i].run(argc, argv);
    fprintf(stderr, "usage: load http|idle|relay|fanout|echo --host H --port P …\n");
    return 2;
}
