/* What an operator of this machine may do to the users without signing in. Who is one is decided where the order comes
 * from: the command itself, with the data folder's lock, or operator_listener.c. */
#ifndef CORE_ADMIN_OPERATOR_PASSWORD_H
#define CORE_ADMIN_OPERATOR_PASSWORD_H

#include "core/plugin/registry.h"

enum { OPERATOR_NAME_MAX = 256, OPERATOR_PASSWORD_MAX = 1024, OPERATOR_TEXT_MAX = 200 };

/* Called once, on any thread; must not block. `text`: what to tell a person, until it returns; "" when all went well.
 */
typedef void (*operator_done)(void *arg, sw_status status, const char *text);

/* Gives a human another password, by the rules of the plugin that keeps the users: every token from before is void, and
 * the first admin's initial password is forgotten. Does not block: it goes by the lanes and the writer. Any thread.
 * false: they take nothing now, and `done` is not called. */
bool operator_set_password(runtime *rt, const char *name, const char *password, operator_done done, void *arg);

#endif
