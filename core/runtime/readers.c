#include "core/runtime/readers.h"

bool readers_add(runtime *rt, sw_db *db)
{
    reader_list *r = &rt->readers;
    pthread_mutex_lock(&r->lock);
    bool room = r->count < RUNTIME_READERS_MAX;
    if (room)
        r->all[r->count++] = db;
    pthread_mutex_unlock(&r->lock);
    return room;
}

void readers_remove(runtime *rt, sw_db *db)
{
    reader_list *r = &rt->readers;
    pthread_mutex_lock(&r->lock);
    for (unsigned i = 0; i < r->count; i++) {
        if (r->all[i] == db) {
            r->all[i] = r->all[--r->count];
            break;
        }
    }
    pthread_mutex_unlock(&r->lock);
}

static unsigned each_since(runtime *rt, int64_t before_ms, bool interrupt)
{
    reader_list *r = &rt->readers;
    unsigned found = 0;
    pthread_mutex_lock(&r->lock);
    for (unsigned i = 0; i < r->count; i++) {
        int64_t since = db_lent_since(r->all[i]);
        if (since == 0 || since > before_ms)
            continue;
        if (interrupt)
            db_interrupt(r->all[i]);
        found++;
    }
    pthread_mutex_unlock(&r->lock);
    return found;
}

unsigned readers_since(runtime *rt, int64_t before_ms)
{
    return each_since(rt, before_ms, false);
}

unsigned readers_interrupt(runtime *rt, int64_t before_ms)
{
    return each_since(rt, before_ms, true);
}
