/* Keys and digests over OpenSSL, see crypto.h and <steward/host.h>. Any thread; the caller owns what is filled. */
#include "core/base/crypto.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <string.h>

enum { NONCE = 12, TAG = 16 };

sw_status hmac_sha256(const uint8_t *key, size_t key_len, const void *data, size_t len, uint8_t out[32])
{
    unsigned out_len = 32;
    if (key_len > INT_MAX || !HMAC(EVP_sha256(), key, (int)key_len, data, len, out, &out_len) || out_len != 32)
        return SW_INTERNAL;
    return SW_OK;
}

sw_status hkdf_sha256(const void *secret, size_t secret_len, const void *salt, size_t salt_len, const void *info,
                      size_t info_len, uint8_t out[32])
{
    static const uint8_t ZEROS[32] = {0};
    uint8_t key[32], block[257];
    if (info_len > sizeof block - 1)
        return SW_INTERNAL;
    if (info_len > 0)
        memcpy(block, info, info_len);
    block[info_len] = 1; /* the first block of the expansion is all that is wanted */
    sw_status status = salt_len == 0 ? hmac_sha256(ZEROS, sizeof ZEROS, secret, secret_len, key)
                                     : hmac_sha256(salt, salt_len, secret, secret_len, key);
    if (status == SW_OK)
        status = hmac_sha256(key, sizeof key, block, info_len + 1, out);
    crypto_wipe(key, sizeof key);
    return status;
}

sw_status keyring_derive(const keyring *k, const char *label, uint8_t out[32])
{
    return hkdf_sha256(k->master, sizeof k->master, NULL, 0, label, strlen(label), out);
}

sw_status aes_gcm_seal(const uint8_t key[32], const void *plain, size_t len, uint8_t *out)
{
    int part = 0;
    uint8_t *text = out + NONCE;
    if (len > INT_MAX || RAND_bytes(out, NONCE) != 1)
        return SW_INTERNAL;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    bool good = c && EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, out) == 1 &&
                (len == 0 || EVP_EncryptUpdate(c, text, &part, plain, (int)len) == 1) &&
                EVP_EncryptFinal_ex(c, text + part, &part) == 1 &&
                EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, text + len) == 1;
    EVP_CIPHER_CTX_free(c);
    return good ? SW_OK : SW_INTERNAL;
}

sw_status aes_gcm_open(const uint8_t key[32], const void *sealed, size_t len, uint8_t *out)
{
    if (len < NONCE + TAG || len > INT_MAX)
        return SW_INVALID;
    const uint8_t *nonce = sealed, *text = nonce + NONCE;
    size_t plain_len = len - NONCE - TAG;
    uint8_t tag[TAG], none[1];
    int part = 0;
    memcpy(tag, text + plain_len, TAG);
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    if (!c)
        return SW_NO_MEMORY;
    bool begun = EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce) == 1;
    bool good = begun && (plain_len == 0 || EVP_DecryptUpdate(c, out, &part, text, (int)plain_len) == 1) &&
                EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, tag) == 1 && EVP_DecryptFinal_ex(c, none, &part) == 1;
    EVP_CIPHER_CTX_free(c);
    if (good)
        return SW_OK;
    if (plain_len > 0)
        crypto_wipe(out, plain_len); /* nobody uses what is not authentic */
    return begun ? SW_INVALID : SW_INTERNAL;
}

void sha1(const void *data, size_t len, uint8_t out[20])
{
    SHA1(data, len, out);
}

void sw_sha256(const void *data, size_t len, uint8_t out[32])
{
    SHA256(data, len, out);
}

sw_status sw_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len, uint8_t out[32])
{
    return hmac_sha256(key, key_len, data, len, out);
}

void crypto_wipe(void *secret, size_t len)
{
    OPENSSL_cleanse(secret, len);
}

sw_status sw_random(void *out, size_t len)
{
    return len <= INT_MAX && RAND_bytes(out, (int)len) == 1 ? SW_OK : SW_INTERNAL;
}

sw_status sw_uuid(char out[37])
{
    uint8_t bytes[16];
    char hex[33];
    SW_TRY(sw_random(bytes, sizeof bytes));
    bytes[6] = (uint8_t)((bytes[6] & 0x0F) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3F) | 0x80);
    sw_hex(bytes, sizeof bytes, hex);
    char *to = out;
    for (int i = 0; i < 32; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            *to++ = '-';
        *to++ = hex[i];
    }
    *to = '\0';
    return SW_OK;
}

void sw_hex(const uint8_t *bytes, size_t len, char *out)
{
    static const char DIGITS[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        *out++ = DIGITS[bytes[i] >> 4];
        *out++ = DIGITS[bytes[i] & 15];
    }
    *out = '\0';
}

void sw_base64url(const uint8_t *bytes, size_t len, char *out)
{
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (size_t i = 0; i < len; i += 3) {
        size_t have = len - i < 3 ? len - i : 3;
        uint32_t group = (uint32_t)bytes[i] << 16;
        if (have > 1)
            group |= (uint32_t)bytes[i + 1] << 8;
        if (have > 2)
            group |= bytes[i + 2];
        for (size_t k = 0; k <= have; k++)
            *out++ = DIGITS[group >> (18 - 6 * k) & 63];
    }
    *out = '\0';
}

bool sw_equal_secret(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}
