/* Event loops: one event_base and one thread each, woken by the mailbox alone. */
#include "core/base/log.h"
#include "core/runtime/runtime_internal.h"
#include "core/runtime/thread.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* now_ms is never older than CLOCK_MS, also on a loop without mail; when it is by LATE_MS, the loop could not run. */
enum { CLOCK_MS = 500, LATE_MS = 250 };

static _Thread_local loop *here;

loop *loop_current(void)
{
    return here;
}

bool loop_here(const loop *l)
{
    return here == l;
}

void loop_post(loop *l, mail *m)
{
    loop_post_last(l, m, NULL);
}

void loop_post_last(loop *l, mail *m, _Atomic uint32_t *count)
{
    mailbox *box = &l->box;
    m->next = NULL;
    pthread_mutex_lock(&box->lock);
    bool was_empty = !box->first;
    *box->last = m;
    box->last = &m->next;
    if (count)
        atomic_fetch_sub(count, 1);
    pthread_mutex_unlock(&box->lock);
    const uint64_t one = 1;
    while (was_empty && write(box->fd, &one, sizeof one) < 0 && errno == EINTR)
        continue; /* EAGAIN: the counter is full, so the loop wakes anyway */
}

int64_t loop_lost_ms(loop *l, int64_t now_ms)
{
    int64_t gap = now_ms - atomic_load_explicit(&l->now_ms, memory_order_relaxed);
    if (gap > CLOCK_MS + LATE_MS)
        l->lost_ms += gap;
    if (gap > 0)
        atomic_store_explicit(&l->now_ms, now_ms, memory_order_relaxed);
    return l->lost_ms;
}

static void set_clock(loop *l)
{
    (void)loop_lost_ms(l, sw_monotonic_ms());
}

/* Takes the whole list under one lock, and runs it in order. false: the list was empty. */
static bool drain(loop *l)
{
    mailbox *box = &l->box;
    pthread_mutex_lock(&box->lock);
    mail *m = box->first;
    box->first = NULL;
    box->last = &box->first;
    pthread_mutex_unlock(&box->lock);
    bool any = m != NULL;
    while (m) {
        mail *next = m->next;
        m->run(m, l);
        m = next;
    }
    return any;
}

static void on_mail(evutil_socket_t fd, short what, void *arg)
{
    loop *l = arg;
    uint64_t count;
    (void)what;
    while (read(fd, &count, sizeof count) < 0 && errno == EINTR)
        continue;
    set_clock(l);
    drain(l);
}

static void on_clock(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    set_clock(arg);
}

static struct event_base *new_base(void)
{
    event_memory_begin();
    struct event_config *how = event_config_new();
    if (!how)
        return NULL;
    /* One epoll_ctl less per request; safe because no fd of a loop is ever dup'ed. The base is used on its thread
     * alone. */
    event_config_set_flag(how, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
    event_config_set_flag(how, EVENT_BASE_FLAG_NOLOCK);
    struct event_base *base = event_base_new_with_config(how);
    event_config_free(how);
    return base;
}

static bool loop_open(loop *l, runtime *rt, unsigned index)
{
    l->rt = rt;
    l->index = index;
    l->box.fd = -1;
    l->box.last = &l->box.first;
    pthread_mutex_init(&l->box.lock, NULL);
    l->now_ms = sw_monotonic_ms();
    if (!(l->base = new_base()) || (l->box.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) < 0)
        return false;
    l->box.event = event_new(l->base, l->box.fd, EV_READ | EV_PERSIST, on_mail, l);
    l->clock = event_new(l->base, -1, EV_PERSIST, on_clock, l);
    const struct timeval tick = {.tv_sec = 0, .tv_usec = CLOCK_MS * 1000};
    return l->box.event && l->clock && event_add(l->box.event, NULL) == 0 && event_add(l->clock, &tick) == 0;
}

bool loops_open(runtime *rt, unsigned count)
{
    if (count == 0)
        count = core_count();
    rt->loops = calloc(count, sizeof *rt->loops);
    if (!rt->loops)
        return false;
    for (; rt->loop_count < count; rt->loop_count++) {
        if (!loop_open(&rt->loops[rt->loop_count], rt, rt->loop_count)) {
            rt->loop_count++; /* the one that failed half way is closed too */
            loops_close(rt);
            return false;
        }
    }
    return true;
}

static void *loop_run(void *arg)
{
    loop *l = arg;
    here = l;
    thread_be_prompt();
    set_clock(l);
    if (event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY) < 0)
        log_error("loop", "event loop %u ended: %s", l->index, strerror(errno));
    return NULL;
}

bool loops_start(runtime *rt)
{
    for (unsigned i = 0; i < rt->loop_count; i++) {
        char name[16];
        snprintf(name, sizeof name, "loop-%u", i % 10000);
        rt->loops[i].started = thread_start(&rt->loops[i].thread, name, loop_run, &rt->loops[i]);
        if (!rt->loops[i].started) {
            loops_stop(rt);
            return false;
        }
    }
    return true;
}

static void stop_here(mail *m, loop *l)
{
    (void)m;
    event_base_loopbreak(l->base);
}

/* Mail that was sent before has run when a loop ends. Mail that came after runs here, on this thread, which stands in
 * for the loop. */
void loops_stop(runtime *rt)
{
    for (unsigned i = 0; i < rt->loop_count; i++) {
        loop *l = &rt->loops[i];
        l->stop.run = stop_here;
        if (l->started)
            loop_post(l, &l->stop);
    }
    for (unsigned i = 0; i < rt->loop_count; i++) {
        loop *l = &rt->loops[i];
        if (l->started)
            pthread_join(l->thread, NULL);
        l->started = false;
    }
    loop *before = here;
    for (unsigned i = 0; i < rt->loop_count; i++) {
        here = &rt->loops[i];
        while (drain(&rt->loops[i]))
            continue;
    }
    here = before;
}

void loops_close(runtime *rt)
{
    for (unsigned i = 0; i < rt->loop_count; i++) {
        loop *l = &rt->loops[i];
        if (l->clock)
            event_free(l->clock);
        if (l->box.event)
            event_free(l->box.event);
        if (l->base)
            event_base_free(l->base);
        if (l->box.fd >= 0)
            close(l->box.fd);
        pthread_mutex_destroy(&l->box.lock);
    }
    free(rt->loops);
    rt->loops = NULL;
    rt->loop_count = 0;
}
