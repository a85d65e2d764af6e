/* What somebody meant who wrote a name that is not known. Any thread. */
#ifndef CORE_BASE_NEAREST_H
#define CORE_BASE_NEAREST_H

#include <stdbool.h>

enum { NEAREST_NONE = 1000 }; /* what `best` begins with */

/* Is `known` near enough to be meant (a third of the letters differ, three at most), and nearer than *best, which then
 * becomes its distance? */
bool nearest(const char *given, const char *known, unsigned *best);

#endif
