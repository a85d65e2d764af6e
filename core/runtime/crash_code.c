/* Addresses of code: where a thread stopped, whose that is, and who called. In the signal handler. */
#include "core/runtime/crash_report.h"

#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { PAGE = 4096, SCAN_BYTES = 32 * 1024, SCAN_WORDS = 64 };

bool crash_place(const void *context, uintptr_t *ret_pc, uintptr_t *ret_sp)
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

/* The system calls themselves: what stands between (a sanitizer's checks) would read the memory first. A write is all
 * or nothing within a page. */
size_t crash_peek(const crash_tools *t, uintptr_t from, void *out, size_t len)
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

const crash_range *crash_find(const crash_map *map, uintptr_t address)
{
    unsigned count = atomic_load_explicit(&map->range_count, memory_order_acquire);
    for (unsigned i = 0; i < count; i++)
        if (address >= map->ranges[i].from && address < map->ranges[i].to)
            return &map->ranges[i];
    return NULL;
}

/* Does a call end before `address`? So that pointers to functions, which lie on stacks as well, are told apart. */
static bool follows_call(const crash_tools *t, uintptr_t address)
{
#if defined(__x86_64__)
    enum { LONGEST = 7 };
    static const unsigned char LENGTHS[] = {2, 3, 4, 6, 7}; /* of call *r/m */
    unsigned char b[LONGEST];
    if (crash_peek(t, address - LONGEST, b, LONGEST) != LONGEST)
        return false;
    if (b[LONGEST - 5] == 0xE8)
        return true;
    for (size_t i = 0; i < sizeof LENGTHS; i++)
        if (b[LONGEST - LENGTHS[i]] == 0xFF && (b[LONGEST - LENGTHS[i] + 1] & 0x38) == 0x10)
            return true;
    return false;
#elif defined(__aarch64__)
    uint32_t word;
    if (address % 4 != 0 || crash_peek(t, address - 4, &word, sizeof word) != sizeof word)
        return false;
    return (word & 0xFC000000u) == 0x94000000u || (word & 0xFFFFFC1Fu) == 0xD63F0000u;
#else
    (void)t, (void)address;
    return false;
#endif
}

static const crash_range *called_from(const crash_tools *t, uintptr_t address, unsigned module)
{
    const crash_range *r = crash_find(t->map, address);
    bool wanted = r && r->module != 0 && (module == 0 || r->module == module);
    return wanted && follows_call(t, address) ? r : NULL;
}

const crash_range *crash_caller(const crash_tools *t, const void *context, unsigned module, uintptr_t *ret_address)
{
    uintptr_t pc, sp, words[SCAN_WORDS];
    if (!crash_place(context, &pc, &sp))
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
        size_t got = crash_peek(t, at, words, sizeof words) / sizeof words[0];
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
