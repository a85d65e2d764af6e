/* What /api/health and /metrics tell, on a worker. All is well when the connection that is wanted stands and is heard.
 */
#include "feishu.h"

enum { GRACE_MS = 60 * 1000 };

bool feishu_health(sw_request *req, sw_json *out)
{
    feishu *f = sw_request_state(req);
    int64_t now = sw_monotonic_ms(), open_rows = 0;
    char error[FEISHU_ERROR_MAX];

    if (outbox_count_open(sw_request_db(req), &open_rows) != SW_OK)
        open_rows = -1;
    pthread_mutex_lock(&f->lock);
    const client *c = &f->client;
    bool wanted = c->target.wanted && !f->paused, connected = c->phase == CLIENT_OPEN;
    const char *status = !wanted ? "not_connected" : connected ? "connected" : c->failing ? "error" : "connecting";
    int64_t age = c->heard_ms ? now - c->heard_ms : -1;
    int64_t event_age = f->last_event_ms ? sw_now_ms() - f->last_event_ms : -1;
    uint64_t reconnects = c->connects > 0 ? c->connects - 1 : 0;
    bool quiet_too_long = !connected && age > GRACE_MS;
    bool well = !wanted || connected || (!c->failing && !quiet_too_long);
    for (size_t i = 0; i < sizeof error; i++)
        error[i] = c->error[i];
    uint64_t events = f->events, dropped = f->dropped;
    size_t queued = f->inbox.count;
    pthread_mutex_unlock(&f->lock);

    sw_json_text(out, "status", status);
    sw_json_bool(out, "connected", connected);
    if (age >= 0)
        sw_json_int(out, "last_inbound_frame_age_ms", age);
    if (event_age >= 0)
        sw_json_int(out, "last_event_age_ms", event_age);
    sw_json_int(out, "reconnects", (int64_t)reconnects);
    sw_json_int(out, "events", (int64_t)events);
    sw_json_int(out, "events_dropped", (int64_t)dropped);
    sw_json_int(out, "inbound_queued", (int64_t)queued);
    sw_json_int(out, "outbox_open", open_rows);
    sw_json_text_opt(out, "last_error", error);
    return well;
}
