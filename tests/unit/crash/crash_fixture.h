/* Records of crashes, for the tests of their history and of its file. */
#ifndef TESTS_UNIT_CRASH_CRASH_FIXTURE_H
#define TESTS_UNIT_CRASH_CRASH_FIXTURE_H

#include "core/crash/crashes.h"
#include "tests/unit/run_tests.h"

#include <signal.h>

static inline crash_record crash_of(const char *plugin, const char *build, int64_t at_ms)
{
    crash_record r = {.word = CRASH_HAPPENED, .at_ms = at_ms, .signal = SIGSEGV};
    snprintf(r.plugin, sizeof r.plugin, "%s", plugin);
    snprintf(r.build, sizeof r.build, "%s", build);
    return r;
}

#endif
