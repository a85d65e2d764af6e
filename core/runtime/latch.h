/* One thread waits for one event of another: at start and stop alone. */
#ifndef CORE_RUNTIME_LATCH_H
#define CORE_RUNTIME_LATCH_H

#include <semaphore.h>

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
