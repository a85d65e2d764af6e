/* Asks a person for a secret, or reads it from a pipe. Main thread; signals_block() before. */
#ifndef CORE_CLI_SECRET_INPUT_H
#define CORE_CLI_SECRET_INPUT_H

#include <stdbool.h>
#include <stddef.h>

/* From a terminal twice and without showing it, `what` ("new password") being the question; else the first line of
 * stdin. UTF-8 without NUL, not empty, shorter than `size`. false: `out` is wiped, *ret_why is a sentence. */
bool secret_input(const char *what, char *out, size_t size, const char **ret_why);

#endif
