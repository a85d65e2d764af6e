/* What /api/health shows of chat. On a worker. */
#include "approvals/approvals.h"

bool chat_health(sw_request *req, sw_json *out)
{
    chat *c = sw_request_state(req);
    int64_t pending = 0, undelivered = 0;

    if (approval_counts(sw_request_db(req), sw_now_ms(), &pending, &undelivered) != SW_OK)
        return false;
    sw_json_int(out, "approvals_pending", pending);
    sw_json_int(out, "decisions_undelivered", undelivered);
    sw_json_int(out, "internal_questions", (int64_t)atomic_load_explicit(&c->questions, memory_order_relaxed));
    return true;
}
