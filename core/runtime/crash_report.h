/* Inside the handler: what a fault was and whose. Nothing here allocates, locks or trusts a pointer. */
#ifndef CORE_RUNTIME_CRASH_REPORT_H
#define CORE_RUNTIME_CRASH_REPORT_H

#include "core/runtime/crash.h"
#include "core/runtime/crash_record.h"
#include <signal.h>
#include <sys/types.h>

/* What crash_arm() made ready. */
typedef struct {
    const crash_map *map;
    int probe[2]; /* a pipe: memory is read through it, since the kernel answers EFAULT where reading would fault */
    pid_t pid;
} crash_tools;

/* `info` NULL: no signal; somebody has called exit(), and `context` is where that is being handled. */
void crash_report(const crash_tools *t, int number, const siginfo_t *info, const void *context, crash_record *ret);

/* crash_code.c: the addresses where a thread was stopped. false: not known on this machine. */
bool crash_place(const void *context, uintptr_t *ret_pc, uintptr_t *ret_sp);
/* Copies up to `len` bytes of any address; how many could be read. */
size_t crash_peek(const crash_tools *t, uintptr_t from, void *out, size_t len);
/* NULL: in no code that is known. */
const crash_range *crash_find(const crash_map *map, uintptr_t address);
/* The first address on the stack that a call of `module` (1 + its index) returns to, or of any plugin (0). NULL: none.
 */
const crash_range *crash_caller(const crash_tools *t, const void *context, unsigned module, uintptr_t *ret_address);

#endif
