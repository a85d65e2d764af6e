/* The options of the section [quota]: what one user may use a second. A table of core_options.c, where the rest are. */
#include "core/config/config_internal.h"

const sw_option QUOTA_OPTIONS[QUOTA_OPTION_COUNT] = {
    {.name = "roles",
     .type = SW_OPTION_LIST,
     .default_value = "MEMBER, AGENT",
     .summary = "Roles that these quotas hold for; empty for none. Each user has them for himself."},
    {.name = "requests",
     .type = SW_OPTION_INT,
     .default_value = "500",
     .max = 1000000,
     .summary =
         "Requests a second of one user, beyond which he gets 429; 0 for no bound. Answers to approvals are counted "
         "apart from all others."},
    {.name = "frames",
     .type = SW_OPTION_INT,
     .default_value = "5000",
     .max = 10000000,
     .summary =
         "Frames a second that are read of all sockets of one user; beyond that reading pauses. 0 for no bound."},
    {.name = "rows",
     .type = SW_OPTION_INT,
     .default_value = "2000",
     .max = 10000000,
     .summary =
         "Rows of the database that one user's work may write a second (a log line takes one or more); beyond that "
         "what writes gets 429, and reading of his sockets pauses. 0 for no bound."},
    {.name = "bytes",
     .type = SW_OPTION_SIZE,
     .default_value = "2M",
     .max = INT64_C(16) << 30,
     .summary = "Bytes a second of bodies and frames that one user sends; beyond that 429, and reading of his sockets "
                "pauses. 0 for no bound."},
    {.name = "burst",
     .type = SW_OPTION_DURATION,
     .default_value = "10s",
     .min = 1000,
     .max = 60 * 60 * 1000,
     .summary = "How much of these may be saved up and come at once; more for agents that send seldom and much."},
    {.name = "sockets",
     .type = SW_OPTION_INT,
     .default_value = "256",
     .max = 1000000,
     .summary = "Open WebSockets of one user, beyond which another gets 429; 0 for no bound."},
};
