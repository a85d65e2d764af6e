#include "failures.h"

enum { MINUTE_MS = 60 * 1000, REFUSAL_MAX_S = 60 };

static uint32_t recent_failures(const entry *e, int64_t now_ms)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < e->failures; i++)
        count += now_ms - e->at_ms[i] < MINUTE_MS;
    return count;
}

void failures_forgive(entry *e)
{
    e->failures = e->next = e->level = 0;
    e->refused_until_ms = 0;
}

void failures_note(entry *e, uint32_t max, int64_t now_ms)
{
    if (max == 0)
        return;
    if (e->level && now_ms - e->refused_until_ms >= MINUTE_MS)
        failures_forgive(e);
    if (e->level == 0) {
        e->at_ms[e->next] = now_ms;
        e->next = (e->next + 1) % max;
        e->failures += e->failures < max;
        if (recent_failures(e, now_ms) < max)
            return;
    }
    int64_t seconds = e->level < 6 ? INT64_C(1) << e->level : REFUSAL_MAX_S;
    e->level++;
    e->refused_until_ms = now_ms + (seconds < REFUSAL_MAX_S ? seconds : REFUSAL_MAX_S) * 1000;
}

uint32_t failures_room(const entry *e, uint32_t max, uint32_t at_once, int64_t now_ms)
{
    if (max == 0)
        return at_once;
    if (e->level)
        return now_ms - e->refused_until_ms < MINUTE_MS ? 1 : at_once;
    uint32_t left = max - recent_failures(e, now_ms);
    return left < at_once ? left : at_once;
}

int failures_refused_s(const entry *e, int64_t now_ms)
{
    return e->refused_until_ms > now_ms ? (int)((e->refused_until_ms - now_ms + 999) / 1000) : 0;
}
