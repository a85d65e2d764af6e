/* One line of the crash file: what a signal handler writes and the next start reads.
 *
 * A line is "TIME WORD key=value … sum=CHECKSUM\n", visible ASCII without spaces in a value. Its checksum covers the
 * rest of it, so a line that was torn, glued to another or changed by hand counts as damaged and is passed over. Keys
 * that this build does not know are skipped: an older server reads the file of a newer one. */
#ifndef CORE_CRASH_CRASH_RECORD_H
#define CORE_CRASH_CRASH_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    CRASH_HAPPENED = 1,
    CRASH_SEEN,    /* what stands before has been logged by a start                    */
    CRASH_RELEASED /* what stands before no longer counts against that plugin          */
} crash_word;

/* Texts end with NUL; "" and 0 mean that something is not known. Plain data, so that it can be filled where nothing may
 * be allocated. */
typedef struct {
    crash_word word;
    int64_t at_ms; /* Unix */
    int64_t signal, code;
    uint64_t address; /* of the fault */
    int64_t sender;   /* the process that sent the signal, when it was another */
    int64_t guessed;  /* 1: the plugin was found by what lies on the stack */
    int64_t vital;    /* 1: nobody could sign in without the plugin, and the server was serving */
    char plugin[33], version[33], build[17];
    char place[64];           /* "hello.so+0x1139": where the program was */
    char caller[64];          /* where the plugin had called from, when it was elsewhere */
    char part[16];            /* "handler", "step" … of the plugin */
    char kind[16], name[128]; /* "GET" and the route's pattern, "timer" and its name … */
    char thread[17], server[33];
} crash_record;

enum { CRASH_LINE_MAX = 1536 };

/* Writes the line with its newline, and returns its length. Safe in a signal handler. */
size_t crash_record_write(const crash_record *r, char out[CRASH_LINE_MAX]);
/* Reads a line, which may be any bytes, without its newline. false: it is damaged, or this build does not know its
 * word. */
bool crash_record_read(const char *line, size_t len, crash_record *ret);
/* Copies what fits; bytes that do not belong in a value become '_'. Safe in a signal handler. */
void crash_text(char *out, size_t size, const char *text, size_t len);

#endif
