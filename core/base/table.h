/* Rows of an sw_table, and structs that begin with their size: both may be of another version of the headers. */
#ifndef CORE_BASE_TABLE_H
#define CORE_BASE_TABLE_H

#include <steward/base.h>
#include <string.h>

/* Row `i` into *ret of `size` bytes: what the table's rows do not have is zero, what they have more is left out. */
static inline void table_row(sw_table t, uint32_t i, void *ret, size_t size)
{
    memset(ret, 0, size);
    memcpy(ret, (const char *)t.rows + (size_t)i * t.row_size, t.row_size < size ? t.row_size : size);
}

/* The size of a struct that ends with its member `last`: what a plugin of the first release passes. */
#define STRUCT_THROUGH(type, last) (offsetof(type, last) + sizeof(((type *)0)->last))

/* What a plugin passes, into *ret of `size` bytes, as above. false when it is smaller than it ever was, so that its
 * size cannot have been set. */
static inline bool struct_read(void *ret, size_t size, const void *given, size_t first)
{
    uint32_t theirs = 0;
    memcpy(&theirs, given, sizeof theirs);
    if (theirs < first)
        return false;
    table_row((sw_table){given, theirs, 1}, 0, ret, size);
    return true;
}

/* The other way: what a plugin gets back is as much of `whole` as its struct, whose size it has set, can hold. */
static inline bool struct_give(void *ret, const void *whole, size_t size, size_t first)
{
    uint32_t theirs = 0;
    memcpy(&theirs, ret, sizeof theirs);
    if (theirs < first)
        return false;
    if (theirs > size)
        theirs = (uint32_t)size;
    memcpy(ret, whole, theirs);
    memcpy(ret, &theirs, sizeof theirs);
    return true;
}

#endif
