/* The server's own secrets in the data folder, read and made by the main thread. */
#include "core/admin/admin.h"

#include "core/base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MASTER_BYTES = 32, JWT_RANDOM_BYTES = 48, JWT_SECRET_MIN = 32, JWT_SECRET_MAX = 1024 };

static bool fail(char *error, size_t size, const char *format, ...) SW_PRINTF(3, 4);

static bool fail(char *error, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error, size, format, args);
    va_end(args);
    return false;
}

/* Reads a file that only its owner may read, up to `max` bytes. -1: there is none; -2: failed, `error` says why. */
static ssize_t secret_read(const char *path, void *out, size_t max, char *error, size_t error_size)
{
    struct stat about;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a FIFO that somebody laid there would hold us for ever */
    if (fd < 0 && errno == ENOENT)
        return -1;
    if (fd < 0) {
        fail(error, error_size, "cannot read %s: %s", path, strerror(errno));
        return -2;
    }
    ssize_t len = -2;
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode))
        fail(error, error_size, "%s is no plain file", path);
    else if (about.st_mode & (S_IRWXG | S_IRWXO))
        fail(error, error_size, "%s can be read by others (mode %04o): chmod 600 %s", path, about.st_mode & 07777u,
             path);
    else if (about.st_size > (off_t)max)
        fail(error, error_size, "%s has %lld bytes, more than the %zu that it may have", path, (long long)about.st_size,
             max);
    else if ((len = read(fd, out, max)) < 0) {
        fail(error, error_size, "cannot read %s: %s", path, strerror(errno));
        len = -2;
    }
    close(fd);
    return len;
}

static bool secret_create(const char *path, const void *bytes, size_t len, char *error, size_t error_size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(error, error_size, "cannot create %s: %s", path, strerror(errno));
    bool good = write_whole(fd, bytes, len) && fsync(fd) == 0;
    int why = errno;
    close(fd);
    if (!good) {
        (void)unlink(path);
        return fail(error, error_size, "cannot write %s: %s", path, strerror(why));
    }
    (void)folder_sync(path); /* some file systems cannot: the file itself is durable */
    return true;
}

static bool in_folder(const char *folder, const char *name, char out[PATH_MAX], char *error, size_t error_size)
{
    int len = snprintf(out, PATH_MAX, "%s/%s", folder, name);
    if (len < 0 || len >= PATH_MAX)
        return fail(error, error_size, "the path of the data folder is too long");
    return true;
}

/* A store that holds something: an empty file is what a first start that was cut off leaves. */
static bool store_exists(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && about.st_size > 0;
}

bool master_key_load(const config *c, const char *data_dir, const char *store_path, keyring *ret, char *error,
                     size_t error_size)
{
    char own[PATH_MAX];
    uint8_t bytes[MASTER_BYTES + 1];
    const char *path = config_text(c, "auth.master_key_file");
    bool configured = *path != '\0';
    if (!configured && !in_folder(data_dir, "master.key", own, error, error_size))
        return false;
    if (!configured)
        path = own;

    ssize_t len = secret_read(path, bytes, sizeof bytes, error, error_size);
    if (len == -2)
        return false;
    if (len == -1 && configured)
        return fail(error, error_size, "there is no %s (auth.master_key_file)", path);
    if (len == -1 && store_exists(store_path))
        return fail(error, error_size, "%s is missing, and the store %s was made with it: put it back", path,
                    store_path);
    if (len == -1) {
        if (sw_random(bytes, MASTER_BYTES) != SW_OK)
            return fail(error, error_size, "the system has no random bytes");
        if (!secret_create(path, bytes, MASTER_BYTES, error, error_size))
            return false;
        len = MASTER_BYTES;
    }
    if (len != MASTER_BYTES)
        return fail(error, error_size, "%s must hold exactly %d bytes, it has %zd", path, MASTER_BYTES, len);
    memcpy(ret->master, bytes, MASTER_BYTES);
    crypto_wipe(bytes, sizeof bytes);
    return true;
}

char *jwt_secret_load(const config *c, const char *data_dir, char *error, size_t error_size)
{
    const char *configured = config_text(c, "auth.jwt_secret");
    if (*configured) {
        if (strlen(configured) < JWT_SECRET_MIN) {
            fail(error, error_size, "auth.jwt_secret is shorter than %d bytes; make one with: openssl rand -base64 48",
                 JWT_SECRET_MIN);
            return NULL;
        }
        return strdup(configured);
    }
    char path[PATH_MAX], text[JWT_SECRET_MAX + 1];
    if (!in_folder(data_dir, "jwt.secret", path, error, error_size))
        return NULL;
    ssize_t len = secret_read(path, text, sizeof text - 1, error, error_size);
    if (len == -2)
        return NULL;
    if (len == -1) {
        uint8_t random[JWT_RANDOM_BYTES];
        if (sw_random(random, sizeof random) != SW_OK) {
            fail(error, error_size, "the system has no random bytes");
            return NULL;
        }
        sw_base64url(random, sizeof random, text);
        crypto_wipe(random, sizeof random);
        len = (ssize_t)strlen(text);
        if (!secret_create(path, text, (size_t)len, error, error_size))
            return NULL;
    }
    text[len] = '\0';
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        text[--len] = '\0';
    char *secret = (size_t)len == strlen(text) && len >= JWT_SECRET_MIN ? strdup(text) : NULL;
    if (!secret)
        fail(error, error_size, "%s must hold at least %d characters", path, JWT_SECRET_MIN);
    crypto_wipe(text, sizeof text);
    return secret;
}

sw_status master_key_check_value(const keyring *keys, uint8_t out[32])
{
    return keyring_derive(keys, "steward store key check", out);
}
