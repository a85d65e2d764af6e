/* CHAT, from anyone. A worker checks the form here; post.c stores it in the write step before it is delivered. */
#include "talk/talk.h"

static sw_status store(sw_tx *tx, void *arg)
{
    posting *p = arg;
    sw_status status = post_chat(sw_tx_state(tx), tx, p);

    return p->fault ? fault_fail(sw_tx_request(tx), p->fault) : status;
}

sw_status on_chat(sw_request *req)
{
    posting *p = sw_alloc(req, 1, sizeof *p);

    if (!p)
        return SW_NO_MEMORY;
    SW_TRY(posting_of_frame(req, p));
    if (!p->payload.at)
        return payload_missing(req);
    if (p->envelope.sender_role == SW_ROLE_BUTLER && p->payload.at[0] == '"')
        question_look(p, sw_json_parse(req, p->payload.at, p->payload.len));
    return sw_write(req, store, p);
}
