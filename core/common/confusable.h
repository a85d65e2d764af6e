/* May a person take one name for another? Two names are confusable when they look the same once each character is
 * replaced by what it looks like (the skeleton of Unicode's UTS 39), whatever their case, and without what cannot be
 * seen. Any thread. Unicode 15.0. */
#ifndef COMMON_CONFUSABLE_H
#define COMMON_CONFUSABLE_H

#include <stdbool.h>

/* Both NUL-ended. Takes no memory. */
bool confusable(const char *name, const char *other);

#endif
