/* The server's own secrets in the data folder, made at the first start: master.key and jwt.secret. */
#ifndef CORE_ADMIN_KEYS_H
#define CORE_ADMIN_KEYS_H

#include "core/base/crypto.h"
#include "core/config/config.h"

/* auth.master_key_file, else DATA/master.key: 32 random bytes, readable by its owner alone. It is made only when
 * neither it nor the store (`store_path`) exists: a store is worth nothing without the key it was made with. false:
 * `error` is one line that names the file. */
bool master_key_load(const config *c, const char *data_dir, const char *store_path, keyring *ret, char *error,
                     size_t error_size);

/* auth.jwt_secret, else DATA/jwt.secret (made when missing). A malloc'ed text, NULL: `error`. */
char *jwt_secret_load(const config *c, const char *data_dir, char *error, size_t error_size);

/* What the store keeps to know its key again. */
sw_status master_key_check_value(const keyring *keys, uint8_t out[32]);

#endif
