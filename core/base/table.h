/* Rows of an sw_table, which may be of another version of the headers. */
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

#endif
