/* What admins see of the deliveries, and the second chance of a dead one. */
#include "webhook.h"

#include <string.h>

enum { PAGE_DEFAULT = 50, PAGE_MAX = 200 };

static void write_delivery(sw_json *out, const delivery *d)
{
    sw_json_object_begin(out, NULL);
    sw_json_int(out, "id", d->id);
    sw_json_text(out, "delivery_id", d->uuid);
    sw_json_int(out, "message_id", d->message_id);
    sw_json_text(out, "state", d->state);
    sw_json_int(out, "attempts", d->attempts);
    if (strcmp(d->state, "pending") == 0)
        sw_json_time(out, "next_attempt_at", d->next_ms);
    if (d->last_status)
        sw_json_int(out, "last_status", d->last_status);
    sw_json_text_opt(out, "last_error", d->last_error);
    sw_json_time(out, "created_at", d->created_ms);
    if (d->settled_ms)
        sw_json_time(out, "settled_at", d->settled_ms);
    sw_json_object_end(out);
}

/* ---- GET /api/webhook/deliveries: on a worker, with a read connection ---- */

static bool known_state(const char *state)
{
    static const char *const STATES[] = {"", "pending", "delivered", "dead"};

    for (size_t i = 0; i < sizeof STATES / sizeof *STATES; i++)
        if (strcmp(state, STATES[i]) == 0)
            return true;
    return false;
}

sw_status get_deliveries(sw_request *req)
{
    const char *state = sw_query_text(req, "state", 16, "");
    int64_t before_id = sw_query_int(req, "before_id", 0, 1, INT64_MAX);
    int64_t limit = sw_query_int(req, "limit", PAGE_DEFAULT, 1, PAGE_MAX);
    sw_rows *rows;
    delivery d;

    if (!known_state(state))
        sw_invalid(req, "invalid_parameter", "state must be pending, delivered or dead");
    SW_TRY(sw_check(req));
    SW_TRY(store_list(sw_request_db(req), state, before_id, limit, &rows));
    sw_json *out = sw_reply_json(req, 200);
    sw_json_array_begin(out, NULL);
    while (store_next(rows, &d))
        write_delivery(out, &d);
    sw_json_array_end(out);
    return sw_rows_done(rows);
}

/* ---- POST /api/webhook/deliveries/:id/retry: check on a worker, then write on the writer ---- */

static void hurry(void *state, void *arg)
{
    (void)arg;
    courier_wake(state, true);
}

static sw_status revive(sw_tx *tx, void *arg)
{
    const int64_t *id = arg;
    delivery d;
    bool dead;

    SW_TRY(store_revive(tx, *id, &dead));
    sw_status found = store_by_id(sw_tx_db(tx), *id, &d);
    if (found == SW_NOT_FOUND)
        return sw_fail(sw_tx_request(tx), SW_NOT_FOUND, NULL, "no such delivery");
    SW_TRY(found);
    if (!dead)
        return sw_fail(sw_tx_request(tx), SW_CONFLICT, NULL, "only a dead delivery can be retried; this one is %s",
                       d.state);
    sw_tx_on_commit(tx, hurry, NULL);
    write_delivery(sw_tx_reply(tx, 200), &d);
    return SW_OK;
}

sw_status post_retry(sw_request *req)
{
    int64_t *id = sw_alloc(req, 1, sizeof *id);

    if (!id)
        return SW_NO_MEMORY;
    *id = sw_path_id(req, "id");
    SW_TRY(sw_check(req));
    return sw_write(req, revive, id);
}
