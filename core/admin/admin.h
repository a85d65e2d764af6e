/* The door of this folder: module 0, the server's own secrets, the first admin and the policy of passwords. Main
 * thread, but for the routes and the host functions. */
#ifndef CORE_ADMIN_ADMIN_H
#define CORE_ADMIN_ADMIN_H

#include "core/http/http.h"
#include "core/runtime/runtime.h"

/* ---- module 0, "core": the server's own routes for operators, beside those that http answers itself ---- */

extern const sw_plugin CORE_MODULE;

sw_status get_metrics(sw_request *req);
sw_status get_openapi(sw_request *req);
sw_status get_plugins(sw_request *req);
sw_status post_plugin_enable(sw_request *req);
sw_status post_plugin_disable(sw_request *req);

/* metrics.c: serves GET /metrics on 127.0.0.1:`port` without a token. Before loops_start(), after registry_start().
 * false: `error`. */
bool metrics_door_open(http_server *http, runtime *rt, int port, char *error, size_t error_size);

/* ---- keys.c: master.key and jwt.secret in the data folder, made at the first start ---- */

/* auth.master_key_file, else DATA/master.key: 32 random bytes, readable by its owner alone. It is made only when
 * neither it nor the store (`store_path`) exists: a store is worth nothing without the key it was made with. false:
 * `error` is one line that names the file. */
bool master_key_load(const config *c, const char *data_dir, const char *store_path, keyring *ret, char *error,
                     size_t error_size);

/* auth.jwt_secret, else DATA/jwt.secret (made when missing). A malloc'ed text, or NULL and `error`. */
char *jwt_secret_load(const config *c, const char *data_dir, char *error, size_t error_size);

/* What the store keeps to know its key again. */
sw_status master_key_check_value(const keyring *keys, uint8_t out[32]);

/* ---- admin_passwords.c: the first admin, and passwords ---- */

/* How the first admin's password is shown when the server makes one. */
typedef enum { INITIAL_PASSWORD_FILE = 1, INITIAL_PASSWORD_STDOUT } initial_password_place;

/* Owned by the runtime, as its `admin`. */
typedef struct admin {
    initial_password_place place;
    _Atomic bool initial_file;  /* DATA/initial-admin-password may exist */
    char password_setting[192]; /* crypt(3) setting of the dummy hash */
} admin;

/* Sets rt->admin. Main thread, before registry_start(). false: no memory. */
bool admin_open(runtime *rt, initial_password_place place);
/* After registry_stop(). */
void admin_close(runtime *rt);

#endif
