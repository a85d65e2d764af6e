/* DELETE /api/users/:id and /api/users/agents/:id: removes a user. The row stays, so that its name can still be shown.
 */
#include "../users.h"

typedef struct {
    int64_t id;
    bool agents_only; /* the second path */
} removal;

static sw_status allowed(sw_tx *tx, const removal *r, const sw_user *user)
{
    sw_request *req = sw_tx_request(tx);
    int64_t others;

    if (r->agents_only && (SW_ROLE_BIT(user->role) & SW_ROLES_HUMAN))
        return sw_fail(req, SW_INVALID, NULL, "target user is not an agent");
    if (user->role == SW_ROLE_BUTLER)
        return sw_fail(req, SW_CONFLICT, NULL, "butler cannot be removed");
    if (user->role == SW_ROLE_ADMIN) {
        SW_TRY(store_other_admins(sw_tx_db(tx), r->id, &others));
        if (others == 0)
            return sw_fail(req, SW_CONFLICT, NULL, "the last admin cannot be removed");
    }
    return SW_OK;
}

static sw_status remove_and_reply(sw_tx *tx, void *arg)
{
    const removal *r = arg;
    sw_request *req = sw_tx_request(tx);
    sw_user user;

    sw_status found = store_by_id(sw_tx_db(tx), r->id, &user);
    if (found == SW_NOT_FOUND)
        return sw_fail(req, SW_NOT_FOUND, NULL, r->agents_only ? "agent not found" : "user not found");
    SW_TRY(found);
    SW_TRY(allowed(tx, r, &user));
    SW_TRY(store_remove(tx, r->id));
    sw_tx_user_changed(tx, r->id, true);
    sw_user_event event = {
        .user_id = r->id,
        .username = user.name,
        .role = user.role,
        .at_ms = sw_tx_now(tx),
    };
    SW_TRY(sw_tx_publish(tx, SW_EVENT_USER_REMOVED, &event, sizeof event));
    sw_reply_empty(req, 204);
    return SW_OK;
}

static sw_status hand_over(sw_request *req, bool agents_only)
{
    removal *r = sw_alloc(req, 1, sizeof *r);

    if (!r)
        return SW_NO_MEMORY;
    r->id = sw_path_id(req, "id");
    r->agents_only = agents_only;
    SW_TRY(sw_check(req));
    return sw_write(req, remove_and_reply, r);
}

sw_status delete_user(sw_request *req)
{
    return hand_over(req, false);
}

sw_status delete_agent(sw_request *req)
{
    return hand_over(req, true);
}
