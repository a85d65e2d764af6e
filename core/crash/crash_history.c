/* What the lines of the crash file add up to, and crashes told in words. Pure functions: any thread may call them. */
#include "core/crash/crash_history.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void crash_history_add(crash_history *h, const crash_record *r)
{
    if (h->count == CRASH_HISTORY_MAX) { /* half at once, so that a long file costs no more than reading it */
        unsigned kept = CRASH_HISTORY_MAX / 2;
        memmove(&h->records[0], &h->records[h->count - kept], kept * sizeof h->records[0]);
        h->dropped += h->count - kept;
        h->count = kept;
    }
    h->records[h->count++] = *r;
}

void crash_history_read(crash_history *h, const char *text, size_t len)
{
    for (size_t from = 0, to; from < len; from = to + 1) {
        const char *end = memchr(text + from, '\n', len - from);
        crash_record r;
        to = end ? (size_t)(end - text) : len;
        if (to == from)
            continue;
        if (crash_record_read(text + from, to - from, &r))
            crash_history_add(h, &r);
        else
            h->damaged++;
    }
}

unsigned crash_history_unseen(const crash_history *h)
{
    unsigned i = h->count;
    while (i > 0 && h->records[i - 1].word != CRASH_SEEN)
        i--;
    return i;
}

crash_tally crash_history_tally(const crash_history *h, const char *plugin, const char *build, int64_t now_ms,
                                int64_t window_ms)
{
    crash_tally t = {0, NULL};
    for (unsigned i = 0; i < h->count; i++) {
        const crash_record *r = &h->records[i];
        if (strcmp(r->plugin, plugin) != 0)
            continue;
        if (r->word == CRASH_RELEASED)
            t = (crash_tally){0, NULL};
        bool counts = r->word == CRASH_HAPPENED && !r->vital && (!build || strcmp(r->build, build) == 0);
        if (counts && r->at_ms > now_ms - window_ms && r->at_ms - now_ms <= window_ms) {
            t.count++;
            t.last = r;
        }
    }
    return t;
}

/* ---- in words ---- */

static void append(char out[CRASH_TEXT_MAX], const char *format, ...) __attribute__((format(printf, 2, 3)));

static void append(char out[CRASH_TEXT_MAX], const char *format, ...)
{
    size_t len = strlen(out);
    va_list args;
    va_start(args, format);
    vsnprintf(out + len, CRASH_TEXT_MAX - len, format, args);
    va_end(args);
}

static const char *signal_name(int64_t number)
{
    static const char *const NAMES[] = {
        [SIGSEGV] = "SIGSEGV", [SIGBUS] = "SIGBUS",   [SIGILL] = "SIGILL", [SIGFPE] = "SIGFPE",
        [SIGABRT] = "SIGABRT", [SIGTRAP] = "SIGTRAP", [SIGSYS] = "SIGSYS"};
    bool known = number > 0 && number < (int64_t)(sizeof NAMES / sizeof NAMES[0]) && NAMES[number];
    return known ? NAMES[number] : "a signal";
}

/* What was called of the plugin. A part that a newer server knows is told by its name. */
static void describe_work(const crash_record *r, char out[CRASH_TEXT_MAX])
{
    static const struct {
        const char *part, *phrase;
    } PHRASES[] = {
        {"handler", "in the handler"},       {"step", "in the write step"},
        {"commit", "after the commit"},      {"subscriber", "in the subscriber"},
        {"service", "in the service"},       {"answer", "with the answer to a call"},
        {"socket", "in the callback"},       {"done", "after a write"},
        {"health", "in its health"},         {"thread", "in a thread that the server did not start"},
        {"load", "while it was loaded"},     {"start", "in start()"},
        {"prepare", "in prepare()"},         {"stop", "in stop()"},
        {"reconfigure", "in reconfigure()"}, {"switch", "while it was switched"},
    };
    const char *phrase = r->part;
    for (size_t i = 0; i < sizeof PHRASES / sizeof PHRASES[0]; i++)
        if (strcmp(PHRASES[i].part, r->part) == 0)
            phrase = PHRASES[i].phrase;
    if (*phrase)
        append(out, " %s", phrase);
    if (*r->kind || *r->name)
        append(out, " of %s%s%s", r->kind, *r->kind && *r->name ? " " : "", r->name);
}

void crash_describe(const crash_record *r, char out[CRASH_TEXT_MAX])
{
    out[0] = '\0';
    append(out, "%s", r->signal == 0 ? "exit() was called" : signal_name(r->signal));
    if (r->sender) {
        append(out, " sent by process %lld", (long long)r->sender);
        return;
    }
    if (r->code > 0 && (r->signal == SIGSEGV || r->signal == SIGBUS))
        append(out, " (address 0x%llx)", (unsigned long long)r->address);
    if (*r->place)
        append(out, " at %s", r->place);
    if (*r->caller)
        append(out, ", called from %s,", r->caller);
    describe_work(r, out);
    if (*r->thread)
        append(out, " on thread %s", r->thread);
    if (r->guessed)
        append(out, " (the plugin is a guess by what was on its stack)");
}
