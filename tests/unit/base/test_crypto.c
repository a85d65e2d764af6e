/* The vectors are those of the RFCs named. */
#include "core/base/crypto.h"
#include "tests/unit/run_tests.h"

#include <stdlib.h>
#include <string.h>

static size_t from_hex(const char *hex, uint8_t *out)
{
    size_t len = strlen(hex) / 2;
    for (size_t i = 0; i < len; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        out[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return len;
}

static void expect_hex(const uint8_t *bytes, size_t len, const char *hex)
{
    char text[200];
    sw_hex(bytes, len, text);
    ck_assert_str_eq(text, hex);
}

START_TEST(digests_match_fips_180)
{
    uint8_t out[32];
    sw_sha256("abc", 3, out);
    expect_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sw_sha256("", 0, out);
    expect_hex(out, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha1("dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 60, out);
    expect_hex(out, 20, "b37a4f2cc0624f1690f64606cf385945b2bec4ea"); /* RFC 6455, 1.3 */
}
END_TEST

START_TEST(hmac_matches_rfc_4231)
{
    uint8_t key[131], out[32];
    memset(key, 0x0b, 20);
    ck_assert_int_eq(hmac_sha256(key, 20, "Hi There", 8, out), SW_OK);
    expect_hex(out, 32, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    ck_assert_int_eq(hmac_sha256((const uint8_t *)"Jefe", 4, "what do ya want for nothing?", 28, out), SW_OK);
    expect_hex(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    ck_assert_int_eq(sw_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, out), SW_OK);
    expect_hex(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, 131);
    ck_assert_int_eq(hmac_sha256(key, 131, "Test Using Larger Than Block-Size Key - Hash Key First", 54, out), SW_OK);
    expect_hex(out, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}
END_TEST

START_TEST(hkdf_matches_rfc_5869)
{
    uint8_t secret[80], salt[80], info[80], out[32];
    size_t secret_len = from_hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", secret);
    size_t salt_len = from_hex("000102030405060708090a0b0c", salt);
    size_t info_len = from_hex("f0f1f2f3f4f5f6f7f8f9", info);
    ck_assert_int_eq(hkdf_sha256(secret, secret_len, salt, salt_len, info, info_len, out), SW_OK);
    expect_hex(out, 32, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
    for (uint8_t i = 0; i < 80; i++) {
        secret[i] = i;
        salt[i] = (uint8_t)(0x60 + i);
        info[i] = (uint8_t)(0xb0 + i);
    }
    ck_assert_int_eq(hkdf_sha256(secret, 80, salt, 80, info, 80, out), SW_OK);
    expect_hex(out, 32, "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c");
    memset(secret, 0x0b, 22);
    ck_assert_int_eq(hkdf_sha256(secret, 22, NULL, 0, NULL, 0, out), SW_OK);
    expect_hex(out, 32, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
}
END_TEST

START_TEST(keys_differ_by_label_and_by_master)
{
    keyring a = {.master = {1}}, b = {.master = {2}};
    uint8_t one[32], two[32], three[32];
    ck_assert_int_eq(keyring_derive(&a, "tokens", one), SW_OK);
    ck_assert_int_eq(keyring_derive(&a, "secrets", two), SW_OK);
    ck_assert_int_eq(keyring_derive(&b, "tokens", three), SW_OK);
    ck_assert(!sw_equal_secret(one, two, 32));
    ck_assert(!sw_equal_secret(one, three, 32));
    ck_assert_int_eq(keyring_derive(&a, "tokens", two), SW_OK);
    ck_assert(sw_equal_secret(one, two, 32));
}
END_TEST

START_TEST(what_is_sealed_opens_again)
{
    uint8_t key[32] = {7};
    for (size_t len = 0; len < 100; len++) {
        uint8_t *plain = malloc(len + 1), *sealed = malloc(len + 28), *again = malloc(len + 1);
        for (size_t i = 0; i < len; i++)
            plain[i] = (uint8_t)(i * 7);
        ck_assert_int_eq(aes_gcm_seal(key, plain, len, sealed), SW_OK);
        ck_assert_int_eq(aes_gcm_open(key, sealed, len + 28, again), SW_OK);
        ck_assert_int_eq(memcmp(plain, again, len), 0);
        free(plain);
        free(sealed);
        free(again);
    }
}
END_TEST

START_TEST(every_changed_bit_is_noticed)
{
    uint8_t key[32] = {7}, sealed[28 + 20], plain[20] = "nineteen characters", again[20];
    ck_assert_int_eq(aes_gcm_seal(key, plain, 20, sealed), SW_OK);
    for (size_t bit = 0; bit < sizeof sealed * 8; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert_int_eq(aes_gcm_open(key, sealed, sizeof sealed, again), SW_INVALID);
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    ck_assert_int_eq(aes_gcm_open(key, sealed, sizeof sealed - 1, again), SW_INVALID);
    ck_assert_int_eq(aes_gcm_open(key, sealed, 27, again), SW_INVALID);
    ck_assert_int_eq(aes_gcm_open(key, sealed, 0, again), SW_INVALID);
    key[0]++;
    ck_assert_int_eq(aes_gcm_open(key, sealed, sizeof sealed, again), SW_INVALID);
}
END_TEST

START_TEST(two_seals_of_one_text_differ)
{
    uint8_t key[32] = {7}, a[29], b[29];
    ck_assert_int_eq(aes_gcm_seal(key, "x", 1, a), SW_OK);
    ck_assert_int_eq(aes_gcm_seal(key, "x", 1, b), SW_OK);
    ck_assert_int_ne(memcmp(a, b, 12), 0);
}
END_TEST

START_TEST(base64url_has_no_padding)
{
    static const char *const TEXTS[] = {"", "Zg", "Zm8", "Zm9v", "Zm9vYg", "Zm9vYmE", "Zm9vYmFy"};
    char out[60];
    for (size_t len = 0; len <= 6; len++) {
        sw_base64url((const uint8_t *)"foobar", len, out);
        ck_assert_str_eq(out, TEXTS[len]);
    }
    sw_base64url((const uint8_t *)"\xFB\xFF\xBF", 3, out);
    ck_assert_str_eq(out, "-_-_");
    uint8_t key[32] = {0};
    sw_base64url(key, 32, out);
    ck_assert_uint_eq(strlen(out), 43);
}
END_TEST

START_TEST(uuids_are_version_4_and_differ)
{
    char a[37], b[37];
    ck_assert_int_eq(sw_uuid(a), SW_OK);
    ck_assert_int_eq(sw_uuid(b), SW_OK);
    ck_assert_str_ne(a, b);
    ck_assert_uint_eq(strlen(a), 36);
    ck_assert_int_eq(a[14], '4');
    ck_assert_ptr_nonnull(strchr("89ab", a[19]));
    ck_assert_uint_eq(strspn(a, "0123456789abcdef-"), 36);
    for (int i = 0; i < 36; i++)
        ck_assert_int_eq(a[i] == '-', i == 8 || i == 13 || i == 18 || i == 23);
}
END_TEST

START_TEST(random_bytes_are_not_the_same_twice)
{
    uint8_t a[32] = {0}, b[32] = {0};
    ck_assert_int_eq(sw_random(a, sizeof a), SW_OK);
    ck_assert_int_eq(sw_random(b, sizeof b), SW_OK);
    ck_assert(!sw_equal_secret(a, b, sizeof a));
    crypto_wipe(a, sizeof a);
    expect_hex(a, 4, "00000000");
}
END_TEST

static void add(TCase *tests)
{
    ADD(digests_match_fips_180);
    ADD(hmac_matches_rfc_4231);
    ADD(hkdf_matches_rfc_5869);
    ADD(keys_differ_by_label_and_by_master);
    ADD(what_is_sealed_opens_again);
    ADD(every_changed_bit_is_noticed);
    ADD(two_seals_of_one_text_differ);
    ADD(base64url_has_no_padding);
    ADD(uuids_are_version_4_and_differ);
    ADD(random_bytes_are_not_the_same_twice);
}

int main(void)
{
    return run_tests("crypto", add);
}
