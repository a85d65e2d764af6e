/* What an operator of this machine may have the server do without signing in: the door of a server that runs, the
 * command's side of it, and the orders themselves. */
#ifndef CORE_ADMIN_OPERATOR_H
#define CORE_ADMIN_OPERATOR_H

#include "core/plugin/registry.h"
#include <sys/un.h>

enum { OPERATOR_NAME_MAX = 256, OPERATOR_PASSWORD_MAX = 1024, OPERATOR_BY_MAX = 160, OPERATOR_TEXT_MAX = 200 };

/* ---- operator.c, of a server ---- */

/* Whatever stood at DATA/control is replaced: the data folder's lock is held. Before loops_start(), after
 * registry_start(). false: `error`. */
bool operator_door_open(http_server *http, runtime *rt, char *error, size_t error_size);
/* Removes DATA/control of a door that was opened; the lock is still held. */
void operator_door_close(const runtime *rt);

/* ---- operator_client.c, for commands ---- */

/* Has the server of that data folder do one order: POST `path` with a JSON body, which is wiped. Blocks up to a minute.
 * SW_NOT_FOUND: nobody listens there; else what came of it, with a text for a person when that is not SW_OK. */
sw_status operator_ask(const char *data_dir, const char *path, sw_json *body, char *text, size_t size);

/* ---- operator.c, for both ---- */

/* A socket and the address of DATA/control, however long that path is. The descriptor, or -1 and errno. `ret_folder` is
 * to be closed after bind() or connect(). */
int operator_socket(const char *data_dir, struct sockaddr_un *ret, int *ret_folder);

/* ---- operator.c, for a command that runs in the place of the server ---- */

/* Called once, on any thread; must not block. `text`: what to tell a person, until it returns; "" when all went well.
 */
typedef void (*operator_done)(void *arg, sw_status status, const char *text);

/* What POST /user/passwd does, as a task. Does not block. Any thread. false: the lanes take nothing now,
 * and `done` is not called. */
bool operator_set_password(runtime *rt, const char *name, const char *password, operator_done done, void *arg);

#endif
