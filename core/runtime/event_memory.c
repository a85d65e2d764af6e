/* The memory of libevent. It does not take no for an answer: evhttp reads through a pointer that it did not get, gives
 * up a request that nobody hears of again, or tells a client that its request was bad. So where the system has no
 * memory for a small piece, libevent gets one of a reserve that is put aside at the start, and that costs nothing until
 * it is touched. When that is used up as well, the thread waits until there is memory again. A large piece is refused:
 * those hold data, and evbuffers say so.
 *
 * Any thread. The reserve belongs to the process, as libevent's choice of an allocator does. Its lock is taken only
 * when there is no memory, and when a piece of the reserve comes back. */
#include "core/base/log.h"
#include "core/runtime/runtime_internal.h"

#include <event2/event.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { RESERVE = 4 * 1024 * 1024, SMALLEST = 64, CLASSES = 9, HEAD = 16, LARGEST = (SMALLEST << (CLASSES - 1)) - HEAD };

/* Before each piece. */
typedef union piece {
    struct {
        union piece *next; /* while it is free */
        unsigned class;
    } of;
    char room[HEAD];
} piece;

static struct {
    pthread_mutex_t lock;
    char *at;             /* NULL: there is none */
    size_t used;          /* cut off so far */
    piece *free[CLASSES]; /* pieces of SMALLEST << class bytes that came back */
    bool told;
} reserve = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool of_reserve(const void *p)
{
    return reserve.at && (const char *)p >= reserve.at && (const char *)p < reserve.at + RESERVE;
}

static size_t room_of(const void *p)
{
    return ((size_t)SMALLEST << ((const piece *)p - 1)->of.class) - HEAD;
}

static void *take(size_t size)
{
    unsigned class = 0;
    while (((size_t)SMALLEST << class) - HEAD < size)
        class ++;
    pthread_mutex_lock(&reserve.lock);
    piece *p = reserve.free[class];
    size_t whole = (size_t)SMALLEST << class;
    if (p)
        reserve.free[class] = p->of.next;
    else if (reserve.at && whole <= RESERVE - reserve.used) {
        p = (piece *)(void *)(reserve.at + reserve.used);
        reserve.used += whole;
    }
    bool tell = !reserve.told;
    reserve.told = true;
    pthread_mutex_unlock(&reserve.lock);
    if (tell)
        log_error("loop", "no memory: connections live on the reserve");
    if (!p)
        return NULL;
    p->of.class = class;
    return p + 1;
}

static void give_back(void *at)
{
    piece *p = (piece *)at - 1;
    pthread_mutex_lock(&reserve.lock);
    p->of.next = reserve.free[p->of.class];
    reserve.free[p->of.class] = p;
    pthread_mutex_unlock(&reserve.lock);
}

/* Where the system gave nothing. */
static void *from_reserve(size_t size)
{
    static const struct timespec A_WHILE = {.tv_nsec = 1000000};
    void *at = NULL;
    if (size > LARGEST)
        return NULL;
    while (!(at = take(size)) && !(at = malloc(size)))
        nanosleep(&A_WHILE, NULL);
    return at;
}

static void *reserve_malloc(size_t size)
{
    void *at = malloc(size);
    return at ? at : from_reserve(size);
}

static void reserve_free(void *at)
{
    if (of_reserve(at))
        give_back(at);
    else
        free(at);
}

static void *reserve_realloc(void *before, size_t size)
{
    if (!of_reserve(before)) {
        void *at = realloc(before, size);
        if (at || size == 0 || size > LARGEST)
            return at;
        at = from_reserve(size);
        /* What realloc() did not move is at least as long as what fits: libevent only grows by it. */
        if (before) {
            memcpy(at, before, size < malloc_usable_size(before) ? size : malloc_usable_size(before));
            free(before);
        }
        return at;
    }
    void *at = reserve_malloc(size);
    if (at) {
        memcpy(at, before, size < room_of(before) ? size : room_of(before));
        give_back(before);
    }
    return at;
}

void event_memory_begin(void)
{
    pthread_mutex_lock(&reserve.lock);
    if (!reserve.at) {
        void *at = mmap(NULL, RESERVE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        reserve.at = at == MAP_FAILED ? NULL : at;
        event_set_mem_functions(reserve_malloc, reserve_realloc, reserve_free);
    }
    pthread_mutex_unlock(&reserve.lock);
}
