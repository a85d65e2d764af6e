/* Ways to crash. */
#include "crashing.h"

#include <stdlib.h>
#include <string.h>

static void write_to_null(void)
{
    *(volatile int *)(uintptr_t)16 = 1;
}

/* Each call stays on the stack until the next has returned; the end is out of every stack's reach. */
static long recurse(long depth)
{
    volatile char room[4096];
    room[0] = (char)depth;
    return depth == 0 ? 0 : recurse(depth - 1) + room[0];
}

static void divide_by_zero(void)
{
    volatile int zero = 0, one = 1;
    one = one / zero;
}

static void jump_to_null(void)
{
    void (*volatile nowhere)(void) = NULL;
    nowhere();
}

/* The fault is in the server or in the C library: neither knows better than to read there. */
static void give_nonsense(sw_host *host)
{
    sw_log(host, SW_LOG_INFO, "%s", (const char *)(uintptr_t)16);
}

static void copy_nonsense(void)
{
    char *volatile from = (char *)(uintptr_t)4096;
    char to[64];
    memcpy(to, from, sizeof to);
    *(volatile char *)to = to[63];
}

void crash(sw_host *host, const char *how)
{
    if (strcmp(how, "null") == 0)
        write_to_null();
    else if (strcmp(how, "overflow") == 0)
        (void)recurse(1L << 40);
    else if (strcmp(how, "abort") == 0)
        abort();
    else if (strcmp(how, "trap") == 0)
        __builtin_trap();
    else if (strcmp(how, "divide") == 0)
        divide_by_zero();
    else if (strcmp(how, "jump") == 0)
        jump_to_null();
    else if (strcmp(how, "nonsense") == 0)
        give_nonsense(host);
    else if (strcmp(how, "copy") == 0)
        copy_nonsense();
    else if (strcmp(how, "exit") == 0)
        exit(7);
}
