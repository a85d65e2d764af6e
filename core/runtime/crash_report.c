#include "core/runtime/crash_report.h"

#include <string.h>
#include <sys/prctl.h>
#include <time.h>

enum { THREAD_NAME = 16 };

/* "hello.so+0x1139"; outside of all known code the bare address. */
static void write_place(char *out, size_t size, const crash_range *r, uintptr_t address)
{
    char text[96];
    size_t len = r ? strnlen(r->object, sizeof r->object) : 0;
    if (r) {
        memcpy(text, r->object, len);
        text[len++] = '+';
        address -= r->base;
    }
    text[len++] = '0';
    text[len++] = 'x';
    unsigned shift = 60;
    while (shift > 0 && (address >> shift) == 0)
        shift -= 4;
    for (;; shift -= 4) {
        text[len++] = "0123456789abcdef"[address >> shift & 15];
        if (shift == 0)
            break;
    }
    crash_text(out, size, text, len);
}

/* A text that a plugin gave: its memory may be what is broken. */
static void copy_text(const crash_tools *t, char *out, size_t size, const char *text)
{
    char copy[128];
    size_t got = text ? crash_peek(t, (uintptr_t)text, copy, sizeof copy) : 0;
    crash_text(out, size, copy, strnlen(copy, got));
}

/* 1 + its index; 0: the server's own, or nobody's. */
static unsigned module_of_owner(const crash_map *map, const void *owner)
{
    unsigned count = atomic_load_explicit(&map->module_count, memory_order_acquire);
    for (unsigned i = 0; i < count && owner; i++)
        if (map->modules[i].owner == owner)
            return i + 1;
    return 0;
}

/* Whose crash is it? 1 + the index, 0: the server's.
 *
 * The plugin that this thread works for, as far as the server knows; also when the fault lies in the C library, in the
 * server, or in another plugin whose service it uses: without that work it would not have happened, and a plugin that
 * uses another goes down with it anyway, so this takes the least away. A thread that works for none (a plugin's own, a
 * library's): the plugin whose code it is in. Else, on threads that the server has not started, the plugin that the
 * stack leads back to: likely, not sure. */
static unsigned blame(const crash_tools *t, const void *context, const crash_range *at, crash_record *ret)
{
    uintptr_t from;
    unsigned works_for = module_of_owner(t->map, crash_running.owner);
    if (works_for != 0)
        return works_for;
    if (at && at->module != 0)
        return at->module;
    const crash_range *caller = crash_running.owner ? NULL : crash_caller(t, context, 0, &from);
    if (!caller)
        return 0;
    ret->guessed = 1;
    return caller->module;
}

static void write_module(const crash_tools *t, unsigned module, crash_record *ret)
{
    const crash_map *map = t->map;
    if (module == 0) {
        crash_text(ret->plugin, sizeof ret->plugin, "core", 4);
        return;
    }
    const crash_module *m = &map->modules[module - 1];
    crash_text(ret->plugin, sizeof ret->plugin, m->name, strnlen(m->name, sizeof m->name));
    crash_text(ret->version, sizeof ret->version, m->version, strnlen(m->version, sizeof m->version));
    crash_text(ret->build, sizeof ret->build, m->build, strnlen(m->build, sizeof m->build));
    ret->vital = atomic_load_explicit(&m->vital, memory_order_relaxed);
}

/* What it was doing. The texts are patterns and names that plugins declare, never what a client sent. */
static void write_work(const crash_tools *t, crash_record *ret)
{
    char thread[THREAD_NAME + 1] = "";
    /* One that is not ours has inherited its name, perhaps from one of ours. */
    copy_text(t, ret->part, sizeof ret->part, crash_running.owner ? crash_running.part : "thread");
    copy_text(t, ret->kind, sizeof ret->kind, crash_running.kind);
    copy_text(t, ret->name, sizeof ret->name, crash_running.name);
    (void)prctl(PR_GET_NAME, thread);
    crash_text(ret->thread, sizeof ret->thread, thread, strnlen(thread, THREAD_NAME));
}

/* The signal itself. false: somebody sent it (a watchdog, an operator), so that what the thread was doing says nothing.
 */
static bool write_signal(const crash_tools *t, int number, const siginfo_t *info, crash_record *ret)
{
    ret->signal = number;
    ret->code = info->si_code;
    if (info->si_code <= 0 && info->si_pid != t->pid) {
        ret->sender = info->si_pid > 0 ? info->si_pid : 1;
        return false;
    }
    if (info->si_code > 0 && (number == SIGSEGV || number == SIGBUS))
        ret->address = (uintptr_t)info->si_addr;
    return true;
}

void crash_report(const crash_tools *t, int number, const siginfo_t *info, const void *context, crash_record *ret)
{
    struct timespec now;
    uintptr_t pc, sp, from;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    *ret = (crash_record){.word = CRASH_HAPPENED, .at_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000};
    crash_text(ret->server, sizeof ret->server, t->map->server, strnlen(t->map->server, sizeof t->map->server));
    if (info && !write_signal(t, number, info, ret)) {
        write_module(t, 0, ret);
        return;
    }
    const crash_range *at = NULL;
    if (info && crash_place(context, &pc, &sp)) {
        at = crash_find(t->map, pc);
        write_place(ret->place, sizeof ret->place, at, pc);
    }
    unsigned module = blame(t, context, at, ret);
    write_module(t, module, ret);
    write_work(t, ret);
    const crash_range *caller =
        module == 0 || (at && at->module == module) ? NULL : crash_caller(t, context, module, &from);
    if (caller)
        write_place(ret->caller, sizeof ret->caller, caller, from);
}
