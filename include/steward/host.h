/* What the host offers besides requests: log, clock, random, crypto, services. Any thread, unless said. Texts that are
 * returned live as long as the plugin. */
#ifndef STEWARD_HOST_H
#define STEWARD_HOST_H

#include <steward/base.h>

SW_BEGIN_DECLS

typedef enum { SW_LOG_ERROR = 1, SW_LOG_WARN, SW_LOG_INFO, SW_LOG_DEBUG } sw_log_level;

/* One line, with the plugin's name. Never a secret, never a token. */
SW_EXPORT void sw_log(sw_host *host, sw_log_level level, const char *format, ...) SW_PRINTF(3, 4);

/* What this plugin's start() gave as its state. */
SW_EXPORT void *sw_host_state(const sw_host *host);
/* "production" or "development". */
SW_EXPORT const char *sw_host_env(const sw_host *host);
/* The data folder (absolute), for a plugin's own files. */
SW_EXPORT const char *sw_host_data_dir(const sw_host *host);
SW_EXPORT const char *sw_host_version(const sw_host *host);

SW_EXPORT int64_t sw_now_ms(void);       /* wall clock, Unix ms        */
SW_EXPORT int64_t sw_monotonic_ms(void); /* never goes back            */
/* "2026-03-05T21:42:08.123Z" into 25 bytes; what is before the year 0 or after 9999 is shown as the nearest that is
 * not. */
SW_EXPORT void sw_time_format(int64_t unix_ms, char out[25]);
/* Since 1.1. RFC 3339 in all of those `len` bytes ("2026-03-05T21:42:08.123Z", "2026-03-06T05:42:08+08:00") as Unix ms:
 * what is finer is cut, a leap second counts as the second after it. false: no such time, *ret_unix_ms is as it was. */
SW_EXPORT SW_MUST_USE bool sw_time_parse(const char *text, size_t len, int64_t *ret_unix_ms);

/* SW_INTERNAL: the system gives no random bytes. */
SW_EXPORT SW_MUST_USE sw_status sw_random(void *out, size_t len);
SW_EXPORT SW_MUST_USE sw_status sw_uuid(char out[37]); /* version 4, lower case */
SW_EXPORT void sw_sha256(const void *data, size_t len, uint8_t out[32]);
/* HMAC-SHA-256 under a key of the plugin's own, such as a secret that it shares with another machine. */
SW_EXPORT SW_MUST_USE sw_status sw_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
                                               uint8_t out[32]);
SW_EXPORT void sw_hex(const uint8_t *bytes, size_t len, char *out); /* 2 * len + 1 bytes     */
/* base64url without padding; `out` holds 4 * ceil(len / 3) + 1. */
SW_EXPORT void sw_base64url(const uint8_t *bytes, size_t len, char *out);
SW_EXPORT bool sw_equal_secret(const void *a, const void *b, size_t len); /* constant time */

/* HMAC-SHA-256 under a key derived from master.key for this plugin and `label` (a literal, at most 80 bytes). */
SW_EXPORT SW_MUST_USE sw_status sw_keyed_hash(sw_host *host, const char *label, const void *data, size_t len,
                                              uint8_t out[32]);
/* AES-256-GCM under a key derived in the same way: `out` gets len + 28 bytes. */
SW_EXPORT SW_MUST_USE sw_status sw_seal(sw_host *host, const char *label, const void *plain, size_t len, uint8_t *out);
/* The reverse: `out` gets len - 28 bytes. SW_INVALID: not sealed with this key. */
SW_EXPORT SW_MUST_USE sw_status sw_unseal(sw_host *host, const char *label, const void *sealed, size_t len,
                                          uint8_t *out);

/* Passwords by crypt(3). Lane HASH only: they take a tenth of a second and more. 192 bytes hold the hash of every
 * method there is now. SW_TOO_LARGE: `out_size` is too little. bcrypt looks at the first 72 bytes alone: bound the
 * length. */
SW_EXPORT SW_MUST_USE sw_status sw_password_hash(sw_host *host, const char *password, char *out, size_t out_size);
/* true: it matches. *ret_weak (may be NULL): made with a weaker method or cost than configured. With hash NULL: the
 * same work against a dummy, false. */
SW_EXPORT bool sw_password_verify(sw_host *host, const char *password, const char *hash, bool *ret_weak);

/* The first admin's configured name and password ("" when none): for the plugin that owns users. */
SW_EXPORT const char *sw_initial_admin_user(const sw_host *host);
SW_EXPORT const char *sw_initial_admin_pass(const sw_host *host);
/* Makes a password, and shows it once by the host's rules (terminal, or a file in the data folder). */
SW_EXPORT SW_MUST_USE sw_status sw_initial_admin_generate(sw_host *host, char out[33]);
/* The first login took place: the file is removed. Worker. */
SW_EXPORT void sw_initial_admin_used(sw_host *host);

/* A service that another plugin provides: its const table, which begins with its size, and the first argument of its
 * functions, the provider's state. From start() on; both live as long as the server. NULL: not declared in `needs`, or
 * declared optional and not there. */
SW_EXPORT const void *sw_service(const sw_host *host, const char *name, void **ret_self);

SW_END_DECLS
#endif
