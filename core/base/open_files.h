/* How many files this process may have open. */
#ifndef CORE_BASE_OPEN_FILES_H
#define CORE_BASE_OPEN_FILES_H

#include <stdint.h>

/* As many as the system lets us have: every connection is one. Gives that number; one line in the log if it stays
 * below. May be called again. */
uint64_t open_files_raise(void);

#endif
