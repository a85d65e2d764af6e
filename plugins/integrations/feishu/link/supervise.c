/* Decides what the connection must be, by the connector and the options: when something changed, and every few seconds.
 * The tick of all rooms, a timer on a worker, begins here, too. */
#include "feishu.h"
#include <string.h>

enum { LOOK_DEFAULT_MS = 5000 };

void supervise_changed(feishu *f)
{
    pthread_mutex_lock(&f->lock);
    f->changes++;
    f->look = true;
    pthread_mutex_unlock(&f->lock);
    (void)sw_task_run(f->host, SW_LANE_WORKER, supervise_tick, 0); /* if it is refused, the timer does it */
}

static void changed_at_commit(void *state, void *arg)
{
    (void)state;
    supervise_changed(arg);
}

void supervise_changed_later(sw_tx *tx)
{
    sw_tx_on_commit(tx, changed_at_commit, sw_tx_state(tx));
}

void target_of(feishu *f, const connector *c, client_target *ret)
{
    char all[ADDRESS_MAX + FEISHU_ID_MAX + FEISHU_SECRET_MAX + 64];
    size_t len = 0;

    *ret = (client_target){.connector_id = c->id};
    address_base(sw_option_text(f->host, "ws_url"), ret->base);
    for (const char *at = c->app_id; *at && len < FEISHU_ID_MAX; at++)
        ret->app_id[len++] = *at;
    ret->wanted = c->id && c->enabled && connector_has_credentials(c) && sw_option_bool(f->host, "ws_enabled");
    /* Each part with its NUL, so that none runs into the next. */
    len = 0;
    memcpy(all, &c->id, sizeof c->id);
    len += sizeof c->id;
    const char *parts[] = {ret->base, ret->app_id, c->app_secret};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        size_t part = strnlen(parts[i], FEISHU_SECRET_MAX) + 1;
        memcpy(all + len, parts[i], part - 1);
        all[len + part - 1] = '\0';
        len += part;
    }
    sw_sha256(all, len, ret->key);
}

/* Reads the connector unless it changed meanwhile: then the task of that change does it. */
static sw_status look(sw_request *req, feishu *f, uint64_t changes)
{
    connector c = connector_default();
    client_target target;
    sw_status found = connector_newest(f, sw_request_db(req), &c);

    if (found != SW_OK && found != SW_NOT_FOUND)
        return found;
    target_of(f, &c, &target);
    pthread_mutex_lock(&f->lock);
    if (f->changes == changes) {
        client_want(f, &target);
        if (target.wanted)
            survey_wanted(f, sw_monotonic_ms());
    }
    pthread_mutex_unlock(&f->lock);
    return SW_OK;
}

sw_status supervise_tick(sw_request *req)
{
    feishu *f = sw_request_state(req);
    int64_t now = sw_monotonic_ms(), every = sw_option_int(f->host, "ws_reconnect_interval");
    sw_status status = SW_OK;

    pthread_mutex_lock(&f->lock);
    bool due = f->look || now >= f->look_ms;
    uint64_t changes = f->changes;
    if (due) {
        f->look = false;
        f->look_ms = now + (every > 0 ? every : LOOK_DEFAULT_MS);
    }
    pthread_mutex_unlock(&f->lock);
    if (due)
        status = look(req, f, changes);
    pthread_mutex_lock(&f->lock);
    now = sw_monotonic_ms();
    if (!f->paused) {
        client_tick(f, now);
        inbound_wake(f);
        sender_tick(f, now);
    }
    pthread_mutex_unlock(&f->lock);
    return status;
}
