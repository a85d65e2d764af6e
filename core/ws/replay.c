/* The rules of recovery as a state machine without I/O. On the socket's loop. */
#include "core/ws/replay.h"

replay_phase replay_begin(replay *r, bool hello, int64_t since, bool greet)
{
    *r =
        (replay){.recover = since >= 0, .greet = greet, .since = since, .last = since < 0 ? 0 : since, .holding = true};
    r->phase = hello || since >= 0 ? REPLAY_OPENING : greet ? REPLAY_GREET : REPLAY_LIVE;
    return r->phase;
}

live_verdict replay_live(replay *r, int64_t id)
{
    switch (r->phase) {
    case REPLAY_OPENING:
        return r->recover && (id == 0 || !r->holding) ? LIVE_DROP : LIVE_HOLD;
    case REPLAY_ROWS:
        if (id == 0)
            return LIVE_DROP;
        if (r->holding)
            return LIVE_HOLD;
        r->missed = true;
        return LIVE_DROP;
    case REPLAY_GREET:
        if (!replay_wanted(r, id))
            return LIVE_DROP;
        if (r->holding)
            return LIVE_HOLD;
        r->missed = r->missed || id > 0;
        return LIVE_DROP;
    case REPLAY_LIVE:
        break;
    }
    return replay_wanted(r, id) ? LIVE_SEND : LIVE_DROP;
}

static replay_phase after_rows(replay *r)
{
    return r->phase = r->greet ? REPLAY_GREET : REPLAY_LIVE;
}

replay_phase replay_hello(replay *r, bool recovered)
{
    r->recover = r->recover && recovered;
    if (!r->recover) {
        r->last = 0; /* another database's number, or a gap: nothing is known to have been seen */
        r->holding = true;
        return after_rows(r);
    }
    return r->phase = REPLAY_ROWS;
}

void replay_page_begin(replay *r)
{
    r->missed = false;
}

replay_phase replay_page(replay *r, int64_t last, bool more, bool *ret_drop_held)
{
    *ret_drop_held = false;
    if (last > r->last)
        r->last = last;
    if (more) {
        *ret_drop_held = r->holding;
        r->holding = false;
        return r->phase;
    }
    if (!r->holding && r->missed) {
        r->holding = true; /* one page more: together with what is held it leaves no gap */
        return r->phase;
    }
    r->holding = true;
    return after_rows(r);
}

bool replay_overflow(replay *r)
{
    if (!r->recover)
        return false;
    r->holding = false;
    r->missed = true;
    return true;
}

replay_phase replay_greeted(replay *r, bool more)
{
    if (more)
        return r->phase;
    return r->phase = r->holding ? REPLAY_LIVE : REPLAY_ROWS;
}
