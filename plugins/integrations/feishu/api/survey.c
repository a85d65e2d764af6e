/* Asks who this app's bot is, so that a mention of it is told from other mentions and its own messages are not heard;
 * and how many connections the app has, since each event goes to one of them. A task on the slow lane. */
#include "feishu.h"
#include "words.h"
#include <stdio.h>
#include <string.h>

enum { RETRY_MS = 60000 };

static const char BOT_PATH[] = "/open-apis/bot/v3/info";
static const char COUNT_PATH[] = "/open-apis/event/v1/connection";

static sw_status ask_bot(sw_request *req, feishu *f, const client_target *target, const char *token)
{
    api_answer a;

    SW_TRY(api_call(req, "GET", target->base, BOT_PATH, token, NULL, &a));
    const char *open_id = sw_value_text(sw_value_get(sw_value_get(a.root, "bot"), "open_id"), NULL);
    pthread_mutex_lock(&f->lock);
    bool current = memcmp(f->client.target.key, target->key, sizeof target->key) == 0;
    if (a.code == 0 && current && open_id && strlen(open_id) <= FEISHU_ID_MAX) {
        snprintf(f->bot.open_id, sizeof f->bot.open_id, "%s", open_id);
        f->bot.known = true;
    }
    if (api_token_bad(&a))
        token_bad(f, token);
    pthread_mutex_unlock(&f->lock);
    return SW_OK;
}

static sw_status count_connections(sw_request *req, feishu *f, const client_target *target, const char *token)
{
    api_answer a;

    SW_TRY(api_call(req, "GET", target->base, COUNT_PATH, token, NULL, &a));
    int64_t count = a.code == 0 ? sw_value_int(sw_value_get(a.data, "online_instance_cnt"), 0) : 0;
    if (count > 1) {
        sw_log(f->host, SW_LOG_WARN, "%lld connections of this app are open: each gets a part of the events",
               (long long)count);
        note_later(f, target->connector_id, "error", "ws_connections",
                   "%lld connections of this app are open: events go to one of them at random", (long long)count);
    }
    return SW_OK;
}

static sw_status survey(sw_request *req)
{
    feishu *f = sw_request_state(req);
    connector c = connector_default();
    client_target target;
    char token[FEISHU_TOKEN_MAX + 1];
    api_answer a = {.code = -1};
    sw_status status = connector_newest(f, sw_request_db(req), &c);

    target_of(f, &c, &target);
    pthread_mutex_lock(&f->lock);
    bool known = f->bot.known, open = f->client.phase == CLIENT_OPEN;
    uint64_t attempt = f->client.attempt;
    pthread_mutex_unlock(&f->lock);
    if (status == SW_OK && target.wanted)
        status = token_get(req, &c, token, &a);
    if (status == SW_OK && a.code == 0 && !known)
        status = ask_bot(req, f, &target, token);
    if (status == SW_OK && a.code == 0 && open)
        status = count_connections(req, f, &target, token);
    pthread_mutex_lock(&f->lock);
    f->bot.asking = false;
    if (status == SW_OK && open)
        f->bot.counted_for = attempt;
    f->bot.retry_ms = sw_monotonic_ms() + RETRY_MS;
    pthread_mutex_unlock(&f->lock);
    return SW_OK;
}

void survey_wanted(feishu *f, int64_t now_ms)
{
    bot_info *b = &f->bot;
    bool counted = f->client.phase != CLIENT_OPEN || b->counted_for == f->client.attempt;

    if (b->asking || (b->known && counted) || (now_ms < b->retry_ms && (!b->known || counted)))
        return;
    b->asking = sw_task_run(f->host, SW_LANE_SLOW, survey, 0);
}
