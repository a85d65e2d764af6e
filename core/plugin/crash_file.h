/* DATA/crash.log: lines that the crash handler, starts and `steward plugin release` append, see
 * core/runtime/crash_record.h. It can be read, and be thrown away at any time. */
#ifndef CORE_PLUGIN_CRASH_FILE_H
#define CORE_PLUGIN_CRASH_FILE_H

#include "core/plugin/crash_history.h"

enum { CRASH_FILE_ERROR_MAX = 512 };

/* Opens the file of a data folder to append, locked against trimming until crash_file_unlock(), and adds what it holds
 * to `ret`. Whatever it holds is good enough: an error is about the file itself. -1: `error` is one line; with `make`
 * false and no such file it is "". Main thread. */
int crash_file_open(const char *data_dir, bool make, crash_history *ret, char error[CRASH_FILE_ERROR_MAX]);
/* Has the file grown, or been damaged, so that crash_file_trim() should write it anew? */
bool crash_file_overgrown(int fd, const crash_history *h);
/* Replaces the file by the newer half of the history, in one step, and `*fd` by it, unlocked. false: everything is as
 * before. */
bool crash_file_trim(const char *data_dir, const crash_history *h, int *fd);
void crash_file_unlock(int fd);
/* One record, in one write; needs no lock. false: errno. */
bool crash_file_append(int fd, const crash_record *r);

#endif
