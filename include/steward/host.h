/* What the host offers besides requests: log, clock, random bytes, cryptography, services. Any thread may call these
 * functions, unless they say otherwise. Texts that they return live as long as the plugin. */
#ifndef STEWARD_HOST_H
#define STEWARD_HOST_H

#include <steward/base.h>

SW_BEGIN_DECLS

typedef enum { SW_LOG_ERROR = 1, SW_LOG_WARN, SW_LOG_INFO, SW_LOG_DEBUG } sw_log_level;

/* Logs one line, with the name of the plugin. Never log a secret or a token. */
SW_EXPORT void sw_log(sw_host *host, sw_log_level level, const char *format, ...) SW_PRINTF(3, 4);

/* What this plugin's start() gave as its state. */
SW_EXPORT void *sw_host_state(const sw_host *host);
/* "production" or "development". */
SW_EXPORT const char *sw_host_env(const sw_host *host);
/* The absolute path of the data folder, for files of the plugin's own. */
SW_EXPORT const char *sw_host_data_dir(const sw_host *host);
SW_EXPORT const char *sw_host_version(const sw_host *host);
/* Since 1.2. What the latest `steward db restore` called the store: another one each time, and "" in a store that has
 * never been restored. What was given to somebody outside (a token that names a user, say) under another epoch is void,
 * since what it names may never have been. */
SW_EXPORT const char *sw_host_epoch(const sw_host *host);

SW_EXPORT int64_t sw_now_ms(void);       /* wall clock, Unix ms        */
SW_EXPORT int64_t sw_monotonic_ms(void); /* never goes back            */
/* Since 1.2. The wall clock in Unix ms, but that it is never set back: it follows a wall clock that is set forward, and
 * goes on when that is set back, also over restarts of the server. What must end in time is stored and compared by it;
 * what people read is a time of sw_now_ms(). Any thread. */
SW_EXPORT int64_t sw_steady_ms(const sw_host *host);
/* Writes "2026-03-05T21:42:08.123Z" into 25 bytes. A time before the year 0 is shown as the first time of that year,
 * and one after 9999 as the last time of that year. */
SW_EXPORT void sw_time_format(int64_t unix_ms, char out[25]);
/* Since 1.1. Reads a time of RFC 3339, such as "2026-03-05T21:42:08.123Z" or "2026-03-06T05:42:08+08:00", which must be
 * all of the `len` bytes. Digits after the milliseconds are cut off, and a leap second counts as the second after it.
 * false when it is not such a time; then *ret_unix_ms keeps its value. */
SW_EXPORT SW_MUST_USE bool sw_time_parse(const char *text, size_t len, int64_t *ret_unix_ms);

/* SW_INTERNAL when the system gives no random bytes. */
SW_EXPORT SW_MUST_USE sw_status sw_random(void *out, size_t len);
SW_EXPORT SW_MUST_USE sw_status sw_uuid(char out[37]); /* version 4, lower case */
SW_EXPORT void sw_sha256(const void *data, size_t len, uint8_t out[32]);
/* HMAC-SHA-256 with a key that the plugin has, such as a secret that it shares with another machine. */
SW_EXPORT SW_MUST_USE sw_status sw_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
                                               uint8_t out[32]);
SW_EXPORT void sw_hex(const uint8_t *bytes, size_t len, char *out); /* 2 * len + 1 bytes     */
/* base64url without padding; `out` must have 4 * ceil(len / 3) + 1 bytes. */
SW_EXPORT void sw_base64url(const uint8_t *bytes, size_t len, char *out);
SW_EXPORT bool sw_equal_secret(const void *a, const void *b, size_t len); /* constant time */

/* HMAC-SHA-256 with a key that is derived from master.key for this plugin and this `label`, a literal of at most 80
 * bytes. */
SW_EXPORT SW_MUST_USE sw_status sw_keyed_hash(sw_host *host, const char *label, const void *data, size_t len,
                                              uint8_t out[32]);
/* Encrypts with AES-256-GCM, with a key that is derived in the same way. `out` gets len + 28 bytes. */
SW_EXPORT SW_MUST_USE sw_status sw_seal(sw_host *host, const char *label, const void *plain, size_t len, uint8_t *out);
/* The reverse of sw_seal(): `out` gets len - 28 bytes. SW_INVALID when it was not sealed with this key. */
SW_EXPORT SW_MUST_USE sw_status sw_unseal(sw_host *host, const char *label, const void *sealed, size_t len,
                                          uint8_t *out);

/* Hashes a password with crypt(3). Call these two on the lane HASH only, since they take a tenth of a second or more.
 * 192 bytes hold the hash of any method that exists now; SW_TOO_LARGE when `out_size` is too small. bcrypt looks at the
 * first 72 bytes alone, so limit the length of passwords. */
SW_EXPORT SW_MUST_USE sw_status sw_password_hash(sw_host *host, const char *password, char *out, size_t out_size);
/* Tells whether the password matches the hash. *ret_weak says whether the hash was made with a weaker method or cost
 * than is configured; `ret_weak` may be NULL. When `hash` is NULL, it does the same work with a dummy hash and returns
 * false. */
SW_EXPORT bool sw_password_verify(sw_host *host, const char *password, const char *hash, bool *ret_weak);

/* The configured name and password of the first admin, "" when there is none. For the plugin that owns users. */
SW_EXPORT const char *sw_initial_admin_user(const sw_host *host);
SW_EXPORT const char *sw_initial_admin_pass(const sw_host *host);
/* Makes a password and shows it once, on the terminal or in a file of the data folder, as the host decides. */
SW_EXPORT SW_MUST_USE sw_status sw_initial_admin_generate(sw_host *host, char out[33]);
/* Says that the first login has taken place: the host removes that file. Call it on a worker. */
SW_EXPORT void sw_initial_admin_used(sw_host *host);

/* A service that another plugin provides. Returns its const table, which begins with its size; *ret_self becomes the
 * state of the provider, which is the first argument of each function. Both live as long as the server. Call it in
 * start() or later. NULL when the service is not declared in `needs`, or is declared optional and is not there. */
SW_EXPORT const void *sw_service(const sw_host *host, const char *name, void **ret_self);

SW_END_DECLS
#endif
