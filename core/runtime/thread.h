/* Threads of the server: named, with every signal but those of faults blocked, so that signals reach the main thread,
 * and with a stack of their own for the handler of those (crash/crash_handler.h). */
#ifndef CORE_RUNTIME_THREAD_H
#define CORE_RUNTIME_THREAD_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

/* `name`: at most 15 bytes. false: the system has no more threads. */
bool thread_start(pthread_t *ret, const char *name, void *(*run)(void *arg), void *arg);
/* For the calling thread. Workers give way to loops and writer; loops run soon after they wake, in short slices.
 * Measured with a storm of searches on as many workers as fit: the p99 of a ping fell from 2.5 times the quiet one to
 * about as much. Refused by the system: it runs as any other. */
void thread_give_way(void);
void thread_be_prompt(void);
/* A condition on the monotonic clock. */
bool cond_init(pthread_cond_t *c);
/* Until `until_ms` (monotonic) at the latest. */
void cond_wait_until(pthread_cond_t *c, pthread_mutex_t *lock, int64_t until_ms);
/* Cores of this machine, at least 1. */
unsigned core_count(void);
/* Monotonic nanoseconds. */
int64_t now_ns(void);

/* ---- a latch: one thread waits for one event of another, at start and stop alone ---- */

typedef struct {
    sem_t opened;
} latch;

void latch_init(latch *l);
/* Any thread. */
void latch_open(latch *l);
/* Blocks until latch_open() has been called. */
void latch_wait(latch *l);
void latch_done(latch *l);

#endif
