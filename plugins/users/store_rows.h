/* The rows of the statement table, for the files that hold its SQL: store.c and store_write.c. */
#ifndef USERS_STORE_ROWS_H
#define USERS_STORE_ROWS_H

#include "users.h"

enum {
    BY_ID,
    BY_ID_ANY,
    BY_NAME,
    BY_TOKEN,
    BUTLER,
    FIRST_ADMIN,
    EACH_ADMIN,
    OTHER_ADMINS,
    ANY,
    TOKEN_UPDATED,
    PROFILE,
    LIST,
    COUNT,
    EACH_ID,
    LAST_SEEN,
    ADD,
    ADD_WITH_ID,
    UPDATE,
    REHASH,
    SET_TOKEN,
    REMOVE,
    FORGET,
    NOTE_SEEN,
    NOTE_REPORT,
    CLEAR_PRESENCE,
    CLEAR_USERS,
    CLEAR_IDS
};

#define RUN(db, which, ret, ...) sw_db_query((db), &USER_STATEMENTS[which], 0, (ret), __VA_ARGS__)

/* store_write.c */
extern const char SQL_ADD[], SQL_ADD_WITH_ID[], SQL_UPDATE[], SQL_REHASH[], SQL_SET_TOKEN[], SQL_REMOVE[], SQL_FORGET[],
    SQL_NOTE_SEEN[], SQL_NOTE_REPORT[], SQL_CLEAR_PRESENCE[], SQL_CLEAR_USERS[], SQL_CLEAR_IDS[];

#endif
