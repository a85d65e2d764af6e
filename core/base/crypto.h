/* Keys and digests over OpenSSL's libcrypto, and password hashes by crypt(3). Any thread. The digests, uuid, random,
 * base64url and constant-time compare of <steward/host.h> are implemented beside these. */
#ifndef CORE_BASE_CRYPTO_H
#define CORE_BASE_CRYPTO_H

#include <steward/host.h>

typedef struct {
    uint8_t master[32];
} keyring;

/* HKDF-SHA256 (RFC 5869), the first 32 bytes. An empty salt is 32 zero bytes; `info` at most 256 bytes. */
sw_status hkdf_sha256(const void *secret, size_t secret_len, const void *salt, size_t salt_len, const void *info,
                      size_t info_len, uint8_t out[32]);
/* HKDF-SHA256(master, label) → 32 bytes. */
sw_status keyring_derive(const keyring *k, const char *label, uint8_t out[32]);
sw_status hmac_sha256(const uint8_t *key, size_t key_len, const void *data, size_t len, uint8_t out[32]);
/* out: 12 bytes nonce, ciphertext, 16 bytes tag. */
sw_status aes_gcm_seal(const uint8_t key[32], const void *plain, size_t len, uint8_t *out);
sw_status aes_gcm_open(const uint8_t key[32], const void *sealed, size_t len, uint8_t *out);
void sha1(const void *data, size_t len, uint8_t out[20]); /* for the WebSocket handshake alone */
void crypto_wipe(void *secret, size_t len);

/* ---- passwords: password.c. Slow on purpose, so on the hash lane alone; any number of threads at once ---- */

typedef enum { PASSWORD_BCRYPT = 1, PASSWORD_YESCRYPT } password_method;

enum { PASSWORD_HASH_SIZE = 192 };

/* The hash of a password with a new salt. With `cost` 0 it has the method's own default, which yescrypt
 * always has in Steward. bcrypt looks at the first 72 bytes alone: the caller limits the length.
 * SW_INTERNAL when the method or the cost is not known, or there is no memory. Whoever has to do the same work for a
 * user who does not exist makes the hash of any text once, and keeps it. */
SW_MUST_USE sw_status password_hash(password_method method, int cost, const char *password,
                                    char out[PASSWORD_HASH_SIZE]);
/* Any format that crypt(3) knows. */
bool password_verify(const char *password, const char *hash);
/* Was it made with a weaker method or cost than these? bcrypt is weaker than yescrypt, all others than both. */
bool password_weaker(const char *hash, password_method method, int cost);

#endif
