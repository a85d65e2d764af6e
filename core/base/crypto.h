/* Keys and digests over OpenSSL libcrypto. Thread-safe unless said. The digests, uuid, random, base64url and
 * constant-time compare of <steward/host.h> are implemented beside these. */
#ifndef CORE_BASE_CRYPTO_H
#define CORE_BASE_CRYPTO_H

#include <steward/host.h>

typedef struct { uint8_t master[32]; } keyring;

/* HKDF-SHA256(master, label) → 32 bytes. */
sw_status keyring_derive(const keyring *k, const char *label, uint8_t out[32]);
sw_status hmac_sha256(const uint8_t *key, size_t key_len, const void *data, size_t len, uint8_t out[32]);
/* out: 12 bytes nonce, ciphertext, 16 bytes tag. */
sw_status aes_gcm_seal(const uint8_t key[32], const void *plain, size_t len, uint8_t *out);
sw_status aes_gcm_open(const uint8_t key[32], const void *sealed, size_t len, uint8_t *out);
void sha1(const void *data, size_t len, uint8_t out[20]);   /* for the WebSocket handshake alone */
void crypto_wipe(void *secret, size_t len);

#endif
