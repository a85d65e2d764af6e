#include "core/runtime/latch.h"

#include <errno.h>

void latch_init(latch *l)
{
    sem_init(&l->opened, 0, 0);
}

void latch_open(latch *l)
{
    sem_post(&l->opened);
}

void latch_wait(latch *l)
{
    while (sem_wait(&l->opened) != 0 && errno == EINTR)
        ;
}

void latch_done(latch *l)
{
    sem_destroy(&l->opened);
}
