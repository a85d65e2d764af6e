/* Password hashes by crypt(3) of libxcrypt. Slow on purpose: the hash lane alone. Any number of threads at once. */
#ifndef CORE_BASE_PASSWORD_H
#define CORE_BASE_PASSWORD_H

#include <steward/base.h>

typedef enum { PASSWORD_BCRYPT = 1, PASSWORD_YESCRYPT } password_method;

enum { PASSWORD_HASH_SIZE = 192 };

/* The hash of a password with a new salt. `cost` 0: the method's own default (yescrypt always has that in
 * Steward). bcrypt looks at the first 72 bytes alone: the caller bounds the length.
 * SW_INTERNAL: no such method or cost, or no memory. A dummy, for the same work when there is no user, is the hash
 * of any text: make it once and keep it. */
SW_MUST_USE sw_status password_hash(password_method method, int cost, const char *password,
                                    char out[PASSWORD_HASH_SIZE]);
/* Any format that crypt(3) knows. */
bool password_verify(const char *password, const char *hash);
/* Was it made with a weaker method or cost than these? bcrypt is weaker than yescrypt, all others than both. */
bool password_weaker(const char *hash, password_method method, int cost);

#endif
