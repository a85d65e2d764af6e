/* What the core keeps to administer a server: the first admin's password and the dummy hash of unknown users. The other
 * files of this folder need no state. */
#ifndef CORE_ADMIN_ADMIN_H
#define CORE_ADMIN_ADMIN_H

#include "core/runtime/runtime.h"

/* How the first admin's password is shown when the server makes one. */
typedef enum { INITIAL_PASSWORD_FILE = 1, INITIAL_PASSWORD_STDOUT } initial_password_place;

/* Owned by the runtime's `admin`. */
typedef struct admin {
    initial_password_place place;
    _Atomic bool initial_file;  /* DATA/initial-admin-password may exist */
    char password_setting[192]; /* crypt(3) setting of the dummy hash */
} admin;

/* Sets rt->admin. Main thread, before registry_start(). false: no memory. */
bool admin_open(runtime *rt, initial_password_place place);
/* After registry_stop(). */
void admin_close(runtime *rt);

/* password_policy.c: makes the setting of the dummy hash. */
void password_policy_prepare(runtime *rt);
/* initial_admin.c: notes whether a file of an earlier start is there. */
void initial_admin_prepare(runtime *rt);

#endif
