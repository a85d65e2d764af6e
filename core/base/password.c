/* Password hashes by crypt(3), see crypto.h. On the hash lane. */
#include "core/base/crypto.h"

#include <crypt.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BCRYPT_DEFAULT = 12, YESCRYPT_DEFAULT = 5, MEMORY_TRIES = 500 };

/* crypt(3) with its 32 KiB of state on the heap, wiped. false for a bad setting and a password over 512 bytes; errno is
 * ENOMEM when there was no memory. */
static bool try_hash(const char *password, const char *setting, char out[PASSWORD_HASH_SIZE])
{
    struct crypt_data *data = calloc(1, sizeof *data);
    if (!data)
        return false;
    errno = 0;
    const char *made = crypt_rn(password, setting, data, (int)sizeof *data);
    int why = errno;
    size_t len = !made ? 0 : strlen(made);
    bool good = made && made[0] != '*' && len < PASSWORD_HASH_SIZE;
    if (good)
        memcpy(out, made, len + 1);
    crypto_wipe(data, sizeof *data);
    free(data);
    errno = why;
    return good;
}

/* A password that was not looked at must not pass for a wrong one: without memory it waits, as this lane may. */
static bool hash_with(const char *password, const char *setting, char out[PASSWORD_HASH_SIZE])
{
    static const struct timespec A_WHILE = {.tv_nsec = 20000000};
    for (int i = 0; i < MEMORY_TRIES; i++) {
        if (try_hash(password, setting, out))
            return true;
        if (errno != ENOMEM)
            return false;
        nanosleep(&A_WHILE, NULL);
    }
    return false;
}

sw_status password_hash(password_method method, int cost, const char *password, char out[PASSWORD_HASH_SIZE])
{
    const char *prefix = method == PASSWORD_BCRYPT ? "$2b$" : method == PASSWORD_YESCRYPT ? "$y$" : NULL;
    if (!prefix || cost < 0)
        return SW_INTERNAL;
    if (cost == 0)
        cost = method == PASSWORD_BCRYPT ? BCRYPT_DEFAULT : YESCRYPT_DEFAULT;
    uint8_t random[32];
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    SW_TRY(sw_random(random, sizeof random));
    if (!crypt_gensalt_rn(prefix, (unsigned long)cost, (const char *)random, (int)sizeof random, setting,
                          (int)sizeof setting))
        return SW_INTERNAL;
    return hash_with(password, setting, out) ? SW_OK : SW_INTERNAL;
}

bool password_verify(const char *password, const char *hash)
{
    char made[PASSWORD_HASH_SIZE];
    if (!hash_with(password, hash, made))
        return false;
    size_t len = strlen(made);
    bool same = len == strlen(hash) && sw_equal_secret(made, hash, len);
    crypto_wipe(made, sizeof made);
    return same;
}

/* The cost of a bcrypt hash, "$2b$12$…". 0 when it is not one, or of the broken variants $2a$ and $2x$, which need a
 * new hash. */
static int bcrypt_cost(const char *hash)
{
    if (strncmp(hash, "$2b$", 4) != 0 && strncmp(hash, "$2y$", 4) != 0)
        return 0;
    if (hash[4] < '0' || hash[4] > '9' || hash[5] < '0' || hash[5] > '9')
        return 0;
    return (hash[4] - '0') * 10 + (hash[5] - '0');
}

/* log2 of N times r of a yescrypt hash "$y$j9T$…": two digits of base 64, one less than log2 N and than r. What
 * needs more digits is stronger than anything we ask for. 0 when it is not yescrypt. */
static int yescrypt_work(const char *hash)
{
    static const char DIGITS[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    if (strncmp(hash, "$y$j", 4) != 0)
        return 0;
    const char *n = hash[4] != '\0' ? strchr(DIGITS, hash[4]) : NULL;
    const char *r = n && hash[5] != '\0' ? strchr(DIGITS, hash[5]) : NULL;
    if (!r)
        return 0;
    int log2 = (int)(n - DIGITS) + 1;
    for (long rest = (long)(r - DIGITS) + 1; rest > 1; rest /= 2)
        log2++;
    return log2;
}

bool password_weaker(const char *hash, password_method method, int cost)
{
    int work = yescrypt_work(hash);
    if (method == PASSWORD_YESCRYPT) {
        /* libxcrypt: N = 512 << cost and r = 8 for costs 1 and 2, N = 128 << cost and r = 32 above. Both: 2^(12 +
         * cost). */
        int wanted = 12 + (cost == 0 ? YESCRYPT_DEFAULT : cost);
        return work < wanted;
    }
    if (work != 0)
        return false;
    return bcrypt_cost(hash) < (cost == 0 ? BCRYPT_DEFAULT : cost);
}
