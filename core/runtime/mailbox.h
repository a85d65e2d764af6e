/* Mail to an event loop: from any thread, in order per sender, one eventfd write per empty-to-full change. */
#ifndef CORE_RUNTIME_MAILBOX_H
#define CORE_RUNTIME_MAILBOX_H

#include <event2/event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct loop loop;

/* Embedded in what is sent; run() is called on the loop and owns it from then on. */
typedef struct mail {
    struct mail *next;
    void (*run)(struct mail *m, loop *l);
} mail;

typedef struct {
    pthread_mutex_t lock;
    mail *first, **last;
    int fd; /* eventfd */
    struct event *event;
} mailbox;

/* One event loop and its thread. http and ws hang their per-loop state here. */
struct loop {
    struct event_base *base;
    unsigned index;
    mailbox box;
    pthread_t thread;
    bool started;
    mail stop;           /* loops_stop()'s */
    struct event *clock; /* refreshes now_ms */
    struct runtime *rt;
    void *http;               /* core/http's */
    void *ws;                 /* core/ws's   */
    _Atomic long long now_ms; /* monotonic, refreshed with the mail and every 500 ms */
    int64_t lost_ms;          /* see loop_lost_ms() */
};

/* Any thread. */
void loop_post(loop *l, mail *m);
/* The same, and takes one from `count`, unless that is NULL. It does so when the mail has its place, so that a thread
 * which finds the count lower posts behind this mail; and before the loop can see the mail, since the count may lie in
 * memory that the loop then frees. */
void loop_post_last(loop *l, mail *m, _Atomic uint32_t *count);
/* How much of the time until `now_ms` (monotonic) this loop could not run at all: the process was stopped, the machine
 * paused or far too busy. Clients had no chance to be heard then, so whatever measures their silence leaves that time
 * out. On the loop; cheap. */
int64_t loop_lost_ms(loop *l, int64_t now_ms);
/* Is the calling thread this loop's? */
bool loop_here(const loop *l);
/* The loop of the calling thread, NULL on other threads. */
loop *loop_current(void);

#endif
