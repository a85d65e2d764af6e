/* POST /api/chat/threads: the caller begins a further thread with an agent or Butler. A worker checks it; the write
 * step stores it. */
#include "threads/threads.h"

#include <string.h>

static sw_status store_thread(sw_tx *tx, void *arg)
{
    thread_row *t = arg;

    SW_TRY(thread_add(tx, t));
    thread_write(sw_tx_reply(tx, 201), NULL, t);
    return SW_OK;
}

static sw_status check_count(sw_request *req)
{
    int64_t max = sw_option_int(sw_request_host(req), "threads_max"), count = 0;

    SW_TRY(threads_count(sw_request_db(req), sw_request_principal(req)->user_id, max, &count));
    return count < max ? SW_OK : sw_fail(req, SW_CONFLICT, NULL, "you have %lld threads already", (long long)count);
}

sw_status post_threads(sw_request *req)
{
    const chat *c = sw_request_state(req);
    int64_t peer = sw_body_int(req, "peer_id", 0, 0, INT64_MAX);
    const char *kind = sw_body_text_or(req, "channel_kind", 64, "");
    const char *title = thread_title_read(req, "New conversation");
    sw_user user = {.size = sizeof user};

    if (!peer || !*kind)
        sw_invalid(req, "missing_field", "peer_id and channel_kind are required");
    if (*kind && !thread_kind_known(kind))
        sw_invalid(req, "invalid_parameter", "channel_kind must be butler_direct or agent_direct");
    SW_TRY(sw_check(req));
    sw_status found = c->users->by_id(c->users_self, sw_request_db(req), peer, &user);
    if (found == SW_NOT_FOUND)
        return sw_fail(req, SW_NOT_FOUND, NULL, "no such user: peer_id");
    SW_TRY(found);
    if (strcmp(kind, thread_kind_of(user.role)) != 0)
        return sw_fail(req, SW_INVALID, "invalid_parameter", "channel_kind does not fit the peer's role");
    SW_TRY(check_count(req));
    thread_row *t = sw_alloc(req, 1, sizeof *t);
    if (!t || !title)
        return SW_NO_MEMORY;
    *t = (thread_row){
        .owner_id = sw_request_principal(req)->user_id,
        .peer_id = peer,
        .channel_kind = sw_strdup(req, kind),
        .title = title,
        .summary = "",
    };
    return t->channel_kind ? sw_write(req, store_thread, t) : SW_NO_MEMORY;
}
