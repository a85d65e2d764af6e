/* The rows of the statement table, for the files that hold its SQL: store.c and store_sent.c. */
#ifndef MESSAGES_STORE_ROWS_H
#define MESSAGES_STORE_ROWS_H

#include "store.h"

enum {
    ADD,
    FIND,
    MATCH,
    COUNT,
    AT,
    LAST,
    CLOCK_STEPS,
    CLOCK_STEP_ADD,
    INDEXED_TO,
    SIZES,
    INDEX,
    INDEX_NOTE,
    MERGE,
    TERMS,
    UNINDEX,
    REMOVE,
    KEY_FIND,
    KEY_PUT,
    LOCAL_FIND,
    LOCAL_PUT,
    KEYS_FORGET,
    LOCALS_FORGET,
    CLEAR_MESSAGES,
    CLEAR_CLOCK,
    CLEAR_INDEX,
    CLEAR_KEYS,
    CLEAR_LOCALS
};

#define RUN(db, which, ret, ...)  sw_db_query((db), &MESSAGE_STATEMENTS[which], 0, (ret), __VA_ARGS__)
#define EXEC(tx, which, ret, ...) sw_tx_exec((tx), &MESSAGE_STATEMENTS[which], (ret), __VA_ARGS__)

/* store_sent.c */
extern const char SQL_KEY_FIND[], SQL_KEY_PUT[], SQL_LOCAL_FIND[], SQL_LOCAL_PUT[], SQL_KEYS_FORGET[],
    SQL_LOCALS_FORGET[];

#endif
