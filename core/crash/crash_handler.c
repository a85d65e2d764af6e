/* The handler of faults, the stacks it runs on, and the line that it writes: what the fault was, and whose.
 *
 * crash_arm() and crash_disarm() run on the main thread, the stacks are given on the thread that gets one, and the rest
 * runs in the handler, on whichever thread has crashed. Nothing there allocates, locks, or trusts a pointer. */
#include "core/crash/crash_handler.h"

#include "core/base/log.h"
#include "core/crash/crash_record.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum {
    STACK_BYTES = 128 * 1024,
    GUARD_BYTES = 4096,
    WAIT_TURNS = 100,
    WAIT_NS = 50 * 1000000,
    THREAD_NAME = 16,
    PAGE = 4096,
    SCAN_BYTES = 32 * 1024, /* of a stack, when the caller is looked for */
    SCAN_WORDS = 64,
};

const char CRASH_SERVER[] = "core";
_Thread_local crash_scope crash_running;

/* What crash_arm() made ready for the handler. */
typedef struct {
    const crash_map *map;
    int probe[2]; /* a pipe: memory is read through it, since the kernel answers EFAULT where reading would fault */
    pid_t pid;
} tools;

/* Faults, what abort() and failed assertions raise, and what a forbidden system call gets. */
static const int SIGNALS[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
enum { SIGNAL_COUNT = sizeof SIGNALS / sizeof SIGNALS[0] };

/* A handler gets no argument, so what it needs is the process's. Written before it is installed, read only by it. */
static struct {
    tools tools;
    int fd;
    bool on, at_exit;
    struct sigaction before[SIGNAL_COUNT];
    _Atomic pid_t reporter; /* the thread that came first, 0: none yet */
} armed;

static void on_fault(int number, siginfo_t *info, void *context);
static void on_exit_called(void);

bool crash_arm(const crash_map *map, int fd)
{
    if (armed.on)
        return false;
    if (!armed.at_exit)
        armed.at_exit = atexit(on_exit_called) == 0;
    armed.fd = fd;
    armed.reporter = 0;
    armed.tools = (tools){.map = map, .pid = getpid()};
    if (pipe2(armed.tools.probe, O_CLOEXEC | O_NONBLOCK) != 0)
        return false;
    struct sigaction act = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigfillset(&act.sa_mask);
    for (unsigned i = 0; i < SIGNAL_COUNT; i++)
        (void)sigaction(SIGNALS[i], &act, &armed.before[i]);
    (void)crash_stack_give(); /* the main thread's, for as long as it lives */
    if (!crash_running.owner)
        crash_running.owner = CRASH_SERVER;
    armed.on = true;
    return true;
}

/* A handler that somebody else has installed meanwhile stays. */
void crash_disarm(void)
{
    struct sigaction now;
    if (!armed.on)
        return;
    for (unsigned i = 0; i < SIGNAL_COUNT; i++)
        if (sigaction(SIGNALS[i], NULL, &now) == 0 && now.sa_sigaction == on_fault)
            (void)sigaction(SIGNALS[i], &armed.before[i], NULL);
    close(armed.tools.probe[0]);
    close(armed.tools.probe[1]);
    armed.on = false;
}

/* ---- stacks ---- */

void *crash_stack_give(void)
{
    stack_t now;
    if (sigaltstack(NULL, &now) != 0 || !(now.ss_flags & SS_DISABLE))
        return NULL;
    char *memory = mmap(NULL, GUARD_BYTES + STACK_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    stack_t stack = {.ss_sp = memory + GUARD_BYTES, .ss_size = STACK_BYTES};
    if (mprotect(stack.ss_sp, STACK_BYTES, PROT_READ | PROT_WRITE) == 0 && sigaltstack(&stack, NULL) == 0)
        return memory;
    munmap(memory, GUARD_BYTES + STACK_BYTES);
    return NULL;
}

void crash_stack_take(void *stack)
{
    const stack_t none = {.ss_flags = SS_DISABLE};
    if (!stack || sigaltstack(&none, NULL) != 0)
        return;
    munmap(stack, GUARD_BYTES + STACK_BYTES);
}

/* ---- addresses of code: where a thread was stopped, whose code that is, and who called ---- */

/* The addresses where a thread was stopped. false: this machine does not tell. */
static bool stopped_at(const void *context, uintptr_t *ret_pc, uintptr_t *ret_sp)
{
    const ucontext_t *u = context;
#if defined(__x86_64__)
    *ret_pc = (uintptr_t)u->uc_mcontext.gregs[REG_RIP];
    *ret_sp = (uintptr_t)u->uc_mcontext.gregs[REG_RSP];
    return true;
#elif defined(__aarch64__)
    *ret_pc = (uintptr_t)u->uc_mcontext.pc;
    *ret_sp = (uintptr_t)u->uc_mcontext.sp;
    return true;
#else
    (void)u, (void)ret_pc, (void)ret_sp;
    return false;
#endif
}

/* Copies up to `len` bytes of any address, and returns how many could be read. It makes the system calls itself, since
 * what may stand between (the checks of a sanitizer) would read the memory first. Within a page a write is all or
 * nothing. */
static size_t peek(const tools *t, uintptr_t from, void *out, size_t len)
{
    size_t done = 0;
    while (done < len) {
        size_t piece = PAGE - (from + done) % PAGE;
        if (piece > len - done)
            piece = len - done;
        if (syscall(SYS_write, t->probe[1], from + done, piece) != (long)piece ||
            syscall(SYS_read, t->probe[0], (char *)out + done, piece) != (long)piece)
            break;
        done += piece;
    }
    return done;
}

/* NULL when the address is in no code that is known. */
static const crash_range *find_range(const crash_map *map, uintptr_t address)
{
    unsigned count = atomic_load_explicit(&map->range_count, memory_order_acquire);
    for (unsigned i = 0; i < count; i++)
        if (address >= map->ranges[i].from && address < map->ranges[i].to)
            return &map->ranges[i];
    return NULL;
}

/* Does a call end just before `address`? Stacks hold pointers to functions as well, and those do not follow a call. */
static bool follows_call(const tools *t, uintptr_t address)
{
#if defined(__x86_64__)
    enum { LONGEST = 7 };
    static const unsigned char LENGTHS[] = {2, 3, 4, 6, 7}; /* of call *r/m */
    unsigned char b[LONGEST];
    if (peek(t, address - LONGEST, b, LONGEST) != LONGEST)
        return false;
    if (b[LONGEST - 5] == 0xE8)
        return true;
    for (size_t i = 0; i < sizeof LENGTHS; i++)
        if (b[LONGEST - LENGTHS[i]] == 0xFF && (b[LONGEST - LENGTHS[i] + 1] & 0x38) == 0x10)
            return true;
    return false;
#elif defined(__aarch64__)
    uint32_t word;
    if (address % 4 != 0 || peek(t, address - 4, &word, sizeof word) != sizeof word)
        return false;
    return (word & 0xFC000000u) == 0x94000000u || (word & 0xFFFFFC1Fu) == 0xD63F0000u;
#else
    (void)t, (void)address;
    return false;
#endif
}

static const crash_range *called_from(const tools *t, uintptr_t address, unsigned module)
{
    const crash_range *r = find_range(t->map, address);
    bool wanted = r && r->module != 0 && (module == 0 || r->module == module);
    return wanted && follows_call(t, address) ? r : NULL;
}

/* The first address on the stack that a call made by `module` (1 + its index) returns to; with 0, a call made by any
 * plugin. NULL when there is none. */
static const crash_range *find_caller(const tools *t, const void *context, unsigned module, uintptr_t *ret_address)
{
    uintptr_t pc, sp, words[SCAN_WORDS];
    if (!stopped_at(context, &pc, &sp))
        return NULL;
#if defined(__aarch64__)
    const ucontext_t *u = context;
    *ret_address = (uintptr_t)u->uc_mcontext.regs[30];
    const crash_range *link = called_from(t, *ret_address, module);
    if (link)
        return link;
#endif
    sp &= ~(uintptr_t)(sizeof sp - 1);
    for (uintptr_t at = sp; at < sp + SCAN_BYTES; at += sizeof words) {
        size_t got = peek(t, at, words, sizeof words) / sizeof words[0];
        for (size_t i = 0; i < got; i++) {
            const crash_range *r = called_from(t, words[i], module);
            *ret_address = words[i];
            if (r)
                return r;
        }
        if (got < SCAN_WORDS)
            break;
    }
    return NULL;
}

/* ---- the record ---- */

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
static void copy_text(const tools *t, char *out, size_t size, const char *text)
{
    char copy[128];
    size_t got = text ? peek(t, (uintptr_t)text, copy, sizeof copy) : 0;
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
static unsigned blame(const tools *t, const void *context, const crash_range *at, crash_record *ret)
{
    uintptr_t from;
    unsigned works_for = module_of_owner(t->map, crash_running.owner);
    if (works_for != 0)
        return works_for;
    if (at && at->module != 0)
        return at->module;
    const crash_range *caller = crash_running.owner ? NULL : find_caller(t, context, 0, &from);
    if (!caller)
        return 0;
    ret->guessed = 1;
    return caller->module;
}

static void write_module(const tools *t, unsigned module, crash_record *ret)
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
static void write_work(const tools *t, crash_record *ret)
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
static bool write_signal(const tools *t, int number, const siginfo_t *info, crash_record *ret)
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

/* Fills the record. `info` is NULL without a signal: somebody has called exit(), and `context` is where that is being
 * handled. */
static void report(const tools *t, int number, const siginfo_t *info, const void *context, crash_record *ret)
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
    if (info && stopped_at(context, &pc, &sp)) {
        at = find_range(t->map, pc);
        write_place(ret->place, sizeof ret->place, at, pc);
    }
    unsigned module = blame(t, context, at, ret);
    write_module(t, module, ret);
    write_work(t, ret);
    const crash_range *caller =
        module == 0 || (at && at->module == module) ? NULL : find_caller(t, context, module, &from);
    if (caller)
        write_place(ret->caller, sizeof ret->caller, caller, from);
}

/* ---- the handler ---- */

/* As if there had been no handler: to the one before, or the end, with the same signal at the same place; so core dumps
 * and sanitizers show the crash itself. The signal is blocked here and arrives when the handler returns. */
static void pass_on(int number, siginfo_t *info)
{
    struct sigaction next = {.sa_handler = SIG_DFL};
    for (unsigned i = 0; i < SIGNAL_COUNT; i++)
        if (SIGNALS[i] == number && armed.before[i].sa_handler != SIG_IGN)
            next = armed.before[i];
    (void)sigaction(number, &next, NULL);
    pid_t pid = getpid(), thread = (pid_t)syscall(SYS_gettid);
    if (syscall(SYS_rt_tgsigqueueinfo, pid, thread, number, info) != 0)
        (void)syscall(SYS_tgkill, pid, thread, number);
}

static void write_line(int number, const siginfo_t *info, const void *context)
{
    crash_record record;
    char line[CRASH_LINE_MAX];
    report(&armed.tools, number, info, context, &record);
    size_t len = crash_record_write(&record, line);
    while (write(armed.fd, line, len) < 0 && errno == EINTR)
        continue;
    /* For whoever looks on; the next start says it in words. */
    const char *priority = log_priority(SW_LOG_ERROR);
    (void)!write(STDERR_FILENO, priority, strlen(priority));
    (void)!write(STDERR_FILENO, line, len);
}

/* Another thread has crashed first and is about to end the process: its line must not be cut short, and one crash is
 * one line. Not for ever, should it hang. */
static void wait_for_other(void)
{
    const struct timespec turn = {.tv_nsec = WAIT_NS};
    for (int i = 0; i < WAIT_TURNS; i++)
        (void)nanosleep(&turn, NULL);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    int saved = errno;
    pid_t first = 0, self = (pid_t)syscall(SYS_gettid);
    /* A forked child's crash is not the server's. */
    if (getpid() == armed.tools.pid) {
        if (atomic_compare_exchange_strong(&armed.reporter, &first, self))
            write_line(number, info, context);
        else if (first != self)
            wait_for_other();
    }
    pass_on(number, info);
    errno = saved;
}

/* exit() from inside ends the server as surely as a fault, so it is one: who ends it in order disarms first. */
static void on_exit_called(void)
{
    ucontext_t here;
    pid_t first = 0;
    bool mine = armed.on && getpid() == armed.tools.pid && getcontext(&here) == 0;
    if (mine && atomic_compare_exchange_strong(&armed.reporter, &first, (pid_t)syscall(SYS_gettid)))
        write_line(0, NULL, &here);
}
