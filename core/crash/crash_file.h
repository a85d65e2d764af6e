/* DATA/crash.log: lines that the crash handler, starts and `steward plugin release` append, see
 * core/crash/crash_record.h. It may be read by anybody, and be deleted at any time. */
#ifndef CORE_CRASH_CRASH_FILE_H
#define CORE_CRASH_CRASH_FILE_H

#include "core/crash/crash_history.h"

enum { CRASH_FILE_ERROR_MAX = 512 };

/* Opens the file of a data folder to append, locked against trimming until crash_file_unlock(), and adds what it holds
 * to `ret`. Bad content is not an error; errors are about the file itself. -1: `error` is one line, or "" when `make`
 * is false and there is no such file. Main thread. */
int crash_file_open(const char *data_dir, bool make, crash_history *ret, char error[CRASH_FILE_ERROR_MAX]);
/* Has the file grown, or been damaged, so that crash_file_trim() should write it anew? */
bool crash_file_overgrown(int fd, const crash_history *h);
/* Replaces the file by one with the newer half of the history, in one step. `*fd` is the new file then, unlocked.
 * false: everything is as before. */
bool crash_file_trim(const char *data_dir, const crash_history *h, int *fd);
void crash_file_unlock(int fd);
/* One record, in one write; needs no lock. false: errno. */
bool crash_file_append(int fd, const crash_record *r);

#endif
