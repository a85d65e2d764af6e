#include "core/plugin/names.h"

#define PICK(table, index) \
    ((size_t)(index) < sizeof(table) / sizeof((table)[0]) && (table)[index] ? (table)[index] : "")

const char *access_name(sw_access access)
{
    static const char *const NAMES[] = {
        [SW_PUBLIC] = "public", [SW_SIGNED_IN] = "signed in", [SW_HUMAN] = "human", [SW_ADMIN] = "admin"};
    return PICK(NAMES, access);
}

const char *lane_name(sw_lane lane)
{
    static const char *const NAMES[] = {
        [SW_LANE_WORKER] = "worker", [SW_LANE_LOOP] = "loop", [SW_LANE_HASH] = "hash", [SW_LANE_SLOW] = "slow"};
    return PICK(NAMES, lane);
}

const char *option_type_name(sw_option_type type)
{
    static const char *const NAMES[] = {
        [SW_OPTION_STRING] = "string",     [SW_OPTION_INT] = "int",   [SW_OPTION_BOOL] = "bool",
        [SW_OPTION_DURATION] = "duration", [SW_OPTION_SIZE] = "size", [SW_OPTION_LIST] = "list",
        [SW_OPTION_SECRET] = "secret",     [SW_OPTION_ENUM] = "enum"};
    return PICK(NAMES, type);
}
