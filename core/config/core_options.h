/* What the tables of core options share. */
#ifndef CORE_CONFIG_CORE_OPTIONS_H
#define CORE_CONFIG_CORE_OPTIONS_H

#include "core/config/config.h"

#define KIB    INT64_C(1024)
#define MIB    (1024 * KIB)
#define GIB    (1024 * MIB)
#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

extern const sw_option CORE_LIMITS[], CORE_WS[];
extern const size_t CORE_LIMIT_COUNT, CORE_WS_COUNT;

#endif
