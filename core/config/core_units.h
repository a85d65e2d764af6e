/* Units for the tables of core options: bytes, and milliseconds. */
#ifndef CORE_CONFIG_CORE_UNITS_H
#define CORE_CONFIG_CORE_UNITS_H

#include "core/config/config.h"

#define KIB    INT64_C(1024)
#define MIB    (1024 * KIB)
#define GIB    (1024 * MIB)
#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

#endif
