/* GET /api/chat/butler-agent/:agent_id: what Butler and that agent said, for humans. */
#include "talk/talk.h"

sw_status get_butler_agent(sw_request *req)
{
    const chat *c = sw_request_state(req);
    sw_db *db = sw_request_db(req);
    int64_t ids[CHAT_PAGE_MAX], agent_id = sw_path_id(req, "agent_id");
    sw_user butler = {.size = sizeof butler}, agent = {.size = sizeof agent};
    id_range range;
    size_t count = 0;

    range_read(req, CHAT_THREAD_DEFAULT, &range);
    SW_TRY(sw_check(req));
    sw_status found = c->users->butler(c->users_self, db, &butler);
    if (found == SW_NOT_FOUND)
        return sw_fail(req, SW_NOT_FOUND, NULL, "butler not found");
    SW_TRY(found);
    /* Only of agents, removed ones too: what Butler says to a human is that human's own. */
    found = c->users->by_id_any(c->users_self, db, agent_id, &agent);
    if (found != SW_OK && found != SW_NOT_FOUND)
        return found;
    if (found == SW_OK && agent.role == SW_ROLE_AGENT)
        SW_TRY(ids_of_pair(db, butler.id, agent_id, &range, ids, &count));
    return page_reply(req, ids, count, range.after < 0, -1);
}
