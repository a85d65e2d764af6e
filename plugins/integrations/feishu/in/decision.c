/* A click on a card, as one step on the writer: who may decide, what is decided, and the answer, which travels in the
 * ack.
 */
#include "feishu.h"
#include "out/card.h"
#include "words.h"
#include <stdlib.h>
#include <string.h>

static const char DECISION[] = "feishu_auth_decision";
static const char APPROVED[] = "APPROVED";

typedef struct {
    const char *type, *text; /* of the toast */
    const card_result *card; /* NULL when the card stays as it is */
} reply;

/* The arrival owns the answer. */
static sw_status answer(sw_tx *tx, arrival *a, const reply *r)
{
    sw_json *out = sw_json_new_tx(tx);

    sw_json_object_begin(out, NULL);
    sw_json_object_begin(out, "toast");
    sw_json_text(out, "type", r->type);
    sw_json_text(out, "content", r->text);
    sw_json_object_end(out);
    if (r->card) {
        sw_json_object_begin(out, "card");
        sw_json_text(out, "type", "raw");
        card_write_result(out, "data", r->card);
        sw_json_object_end(out);
    }
    sw_json_object_end(out);
    sw_str written = sw_json_str(out);
    free(a->answer);
    a->answer = written.at ? strdup(written.at) : NULL;
    return a->answer ? SW_OK : SW_NO_MEMORY;
}

static sw_status say(sw_tx *tx, arrival *a, const char *type, const char *text)
{
    return answer(tx, a, &(reply){.type = type, .text = text});
}

/* ---- who may ---- */

/* Why this person may not decide here; NULL when they may. */
static const char *objection(const connector *c, const event *e)
{
    if (!c->enabled)
        return "the connector is disabled";
    if (!connector_token_good(c, e->token))
        return "invalid token";
    if (!event_person_listed(c->people, &e->person))
        return "not on the user whitelist";
    if (*c->chats && !list_has(c->chats, e->chat_id))
        return "chat not allowed";
    return NULL;
}

/* ---- the decision ---- */

static const char *responder(const event *e)
{
    if (*e->name)
        return e->name;
    return *e->person.open_id ? e->person.open_id : event_person_id(&e->person);
}

static sw_status answer_decided(sw_tx *tx, arrival *a, const sw_approval *now, sw_decision decision)
{
    bool approved = strcmp(now->status, APPROVED) == 0;
    card_result card = {.action_id = now->action_id,
                        .status = now->status,
                        .who = now->decided_by,
                        .at_ms = now->decided_ms ? now->decided_ms : sw_tx_now(tx),
                        .already = decision != SW_DECIDED};
    reply r = {.type = "info", .text = "该授权已处理", .card = &card};

    if (decision == SW_DECIDED) {
        r.type = "success";
        r.text = approved ? "已批准，开始执行" : "已拒绝执行";
    } else if (decision == SW_DECISION_EXPIRED) {
        r.text = "该授权已过期";
        card.already = false;
        card.at_ms = now->expires_ms;
    }
    return answer(tx, a, &r);
}

static sw_status decide(sw_tx *tx, arrival *a, const connector *c)
{
    feishu *f = a->f;
    const event *e = &a->e;
    sw_user admin = {.size = sizeof admin};
    sw_decision decision = SW_DECISION_UNKNOWN;
    sw_approval now = {.size = sizeof now};

    if (!*e->action_id)
        return say(tx, a, "error", "缺少 action_id");
    if (bridge_admin(f, sw_tx_db(tx), &admin) != SW_OK)
        return say(tx, a, "error", "管理员身份解析失败");
    SW_TRY(f->approvals->decide(f->approvals_self, tx, e->action_id, e->approved, admin.id, responder(e), "feishu",
                                &decision, &now));
    switch (decision) {
    case SW_DECISION_UNKNOWN:
        return say(tx, a, "error", "没有这个授权请求");
    case SW_DECISION_FORBIDDEN:
        return say(tx, a, "error", "管理员身份解析失败");
    case SW_DECIDED:
        SW_TRY(note(tx, c->id, "success", "ws_auth_card_decision", "action_id=%s decision=%s", e->action_id,
                    e->approved ? "approved" : "rejected"));
        return answer_decided(tx, a, &now, decision);
    default:
        return answer_decided(tx, a, &now, decision);
    }
}

sw_status decision_step(sw_tx *tx, void *arg)
{
    arrival *a = arg;
    const event *e = &a->e;
    connector c;
    sw_status found = connector_newest(a->f, sw_tx_db(tx), &c);

    if (found == SW_NOT_FOUND)
        return say(tx, a, "error", "连接器不存在");
    SW_TRY(found);
    if (!e->has_value)
        return say(tx, a, "error", "无效的卡片提交");
    if (strcmp(e->action, DECISION) != 0)
        return say(tx, a, "info", "未识别的卡片动作");
    const char *why = objection(&c, e);
    if (!why)
        return decide(tx, a, &c);
    SW_TRY(note(tx, c.id, "error", "ws_auth_card_decision", "Rejected action_id=%s from feishu_user=%s: %s",
                e->action_id, event_person_id(&e->person), why));
    return say(tx, a, "error", "你没有审批权限，请在控制台批准");
}
