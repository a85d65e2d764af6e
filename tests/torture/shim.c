/* Makes things fail: a library that stands before libc (LD_PRELOAD) in a server under test. When a test has armed it,
 * the n-th allocation of the whole process fails, or the n-th read, write, sync or truncation of a file below one
 * folder; once, or from then on.
 *
 * What is to fail stands in a file that the test and the server map (TORTURE_CONTROL), so that it can be changed beside
 * a running server. Any thread calls these; the counters are atomics, and nothing here allocates. Not a part of what is
 * installed, and built without sanitizers: their own functions come behind these. */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { KIND_ALLOC = 1, KIND_READ = 2, KIND_WRITE = 4, KIND_SYNC = 8, KIND_TRUNCATE = 16 };
enum { FOREVER = 1, TORN = 2 /* half of a write takes place */ };
enum { FRAMES = 24 };

/* As control.py has it. */
typedef struct {
    _Atomic uint32_t kinds; /* KIND_… ored; 0: not armed. Written last */
    uint32_t how;           /* FOREVER, TORN */
    int32_t error;          /* errno of a failed call on a file */
    uint32_t depth;         /* of `stack` */
    uint64_t at;            /* which one fails, from 1 */
    _Atomic uint64_t seen, failed;
    void *stack[FRAMES]; /* who asked for the first that failed */
    char folder[512];
} control;

static control *shared;
/* Of this file: what it calls must not fail. (Found without a call, which a sanitizer that begins could not take.) */
static _Thread_local bool inside __attribute__((tls_model("initial-exec")));

static void *(*next_malloc)(size_t);
static void (*next_free)(void *);
static void *(*next_calloc)(size_t, size_t);
static void *(*next_realloc)(void *, size_t);
static void *(*next_aligned_alloc)(size_t, size_t);
static int (*next_posix_memalign)(void **, size_t, size_t);
static ssize_t (*next_read)(int, void *, size_t);
static ssize_t (*next_write)(int, const void *, size_t);
static ssize_t (*next_pread64)(int, void *, size_t, off64_t);
static ssize_t (*next_pwrite64)(int, const void *, size_t, off64_t);
static int (*next_fsync)(int);
static int (*next_fdatasync)(int);
static int (*next_ftruncate64)(int, off64_t);

/* dlsym() and a sanitizer that begins may ask for memory before anything has been found: they get some of this. */
static char early[65536];
static size_t early_used;

static void find(void *place, const char *name)
{
    void *symbol = dlsym(RTLD_NEXT, name);
    memcpy(place, &symbol, sizeof symbol);
}

static void find_all(void)
{
    inside = true;
    find(&next_malloc, "malloc");
    find(&next_free, "free");
    find(&next_calloc, "calloc");
    find(&next_realloc, "realloc");
    find(&next_aligned_alloc, "aligned_alloc");
    find(&next_posix_memalign, "posix_memalign");
    find(&next_read, "read");
    find(&next_write, "write");
    find(&next_pread64, "pread64");
    find(&next_pwrite64, "pwrite64");
    find(&next_fsync, "fsync");
    find(&next_fdatasync, "fdatasync");
    find(&next_ftruncate64, "ftruncate64");
    inside = false;
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("TORTURE_CONTROL");
    void *frames[2];
    if (!next_ftruncate64)
        find_all();
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *at = mmap(NULL, sizeof(control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    (void)backtrace(frames, 2); /* the first call loads a library */
    if (at != MAP_FAILED)
        shared = at;
}

/* Is this one to fail? */
static bool due(uint32_t kind)
{
    if (!shared || inside || (atomic_load_explicit(&shared->kinds, memory_order_acquire) & kind) == 0)
        return false;
    uint64_t n = atomic_fetch_add(&shared->seen, 1) + 1;
    if (n != shared->at && !(n > shared->at && (shared->how & FOREVER) != 0))
        return false;
    if (atomic_fetch_add(&shared->failed, 1) == 0) {
        inside = true;
        shared->depth = (uint32_t)backtrace(shared->stack, FRAMES);
        inside = false;
    }
    return true;
}

/* ---- memory ---- */

static void *take_early(size_t size)
{
    size_t at = (early_used + 15) & ~(size_t)15;
    if (size > sizeof early - at)
        abort();
    early_used = at + size;
    return early + at;
}

static bool none(void)
{
    if (!due(KIND_ALLOC))
        return false;
    errno = ENOMEM;
    return true;
}

static bool is_early(const void *at)
{
    return (const char *)at >= early && (const char *)at < early + sizeof early;
}

void *malloc(size_t size)
{
    if (!next_malloc && !inside)
        find_all();
    if (!next_malloc)
        return take_early(size);
    return none() ? NULL : next_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    if (!next_calloc && !inside)
        find_all();
    if (!next_calloc)
        return take_early(count * size);
    return none() ? NULL : next_calloc(count, size);
}

void *realloc(void *before, size_t size)
{
    if (!next_realloc && !inside)
        find_all();
    if (!next_realloc || is_early(before)) {
        void *at = malloc(size);
        size_t left = is_early(before) ? (size_t)(early + sizeof early - (char *)before) : 0;
        return at && before ? memcpy(at, before, size < left ? size : left) : at;
    }
    return none() ? NULL : next_realloc(before, size);
}

void free(void *at)
{
    if (is_early(at))
        return;
    if (!next_free && !inside)
        find_all();
    if (next_free)
        next_free(at);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    if (!next_aligned_alloc)
        find_all();
    return none() ? NULL : next_aligned_alloc(alignment, size);
}

int posix_memalign(void **ret, size_t alignment, size_t size)
{
    if (!next_posix_memalign)
        find_all();
    return none() ? ENOMEM : next_posix_memalign(ret, alignment, size);
}

/* ---- files of the folder ---- */

static bool fails(uint32_t kind, int fd)
{
    char link[64], path[512];
    if (!shared || inside || (atomic_load_explicit(&shared->kinds, memory_order_acquire) & kind) == 0)
        return false;
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    size_t folder = strlen(shared->folder);
    errno = before;
    if (len < 0 || folder == 0 || (size_t)len <= folder || memcmp(path, shared->folder, folder) != 0)
        return false;
    if (!due(kind))
        return false;
    errno = shared->error;
    return true;
}

ssize_t read(int fd, void *out, size_t size)
{
    if (!next_read)
        find_all();
    return fails(KIND_READ, fd) ? -1 : next_read(fd, out, size);
}

ssize_t pread64(int fd, void *out, size_t size, off64_t at)
{
    if (!next_pread64)
        find_all();
    return fails(KIND_READ, fd) ? -1 : next_pread64(fd, out, size, at);
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    if (!next_write)
        find_all();
    return fails(KIND_WRITE, fd) ? -1 : next_write(fd, bytes, size);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at)
{
    if (!next_pwrite64)
        find_all();
    if (!fails(KIND_WRITE, fd))
        return next_pwrite64(fd, bytes, size, at);
    if ((shared->how & TORN) != 0) {
        int error = errno;
        (void)!next_pwrite64(fd, bytes, size / 2, at);
        errno = error;
    }
    return -1;
}

int fsync(int fd)
{
    if (!next_fsync)
        find_all();
    return fails(KIND_SYNC, fd) ? -1 : next_fsync(fd);
}

int fdatasync(int fd)
{
    if (!next_fdatasync)
        find_all();
    return fails(KIND_SYNC, fd) ? -1 : next_fdatasync(fd);
}

int ftruncate64(int fd, off64_t size)
{
    if (!next_ftruncate64)
        find_all();
    return fails(KIND_TRUNCATE, fd) ? -1 : next_ftruncate64(fd, size);
}
