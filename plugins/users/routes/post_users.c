/* POST /api/users: adds a human. A worker checks the body, the hash lane hashes the password, and the writer stores the
 * row. */
#include "../users.h"

#include <string.h>

typedef struct {
    new_user user;
    const char *password;
    char hash[USERS_HASH_SIZE];
} signup;

static sw_status store_and_reply(sw_tx *tx, void *arg)
{
    signup *s = arg;

    SW_TRY(store_add(tx, &s->user));
    sw_user_event event = {
        .user_id = s->user.id,
        .username = s->user.name,
        .role = s->user.role,
        .at_ms = sw_tx_now(tx),
    };
    SW_TRY(sw_tx_publish(tx, SW_EVENT_USER_CREATED, &event, sizeof event));
    return user_reply(tx, 201, s->user.id, NULL);
}

static sw_status hash_password(sw_request *req)
{
    signup *s = sw_request_kept(req);

    SW_TRY(sw_password_hash(sw_request_host(req), s->password, s->hash, sizeof s->hash));
    s->user.password_hash = s->hash;
    return sw_write(req, store_and_reply, s);
}

sw_status post_users(sw_request *req)
{
    signup *s = sw_alloc(req, 1, sizeof *s);
    sw_user same;

    if (!s)
        return SW_NO_MEMORY;
    s->user.name = field_username(req);
    s->password = field_password(req);
    s->user.role = field_human_role(req, SW_ROLE_MEMBER);
    SW_TRY(sw_check(req));

    /* Nothing is hashed for a name that is taken. In the end the index decides, in the write step. */
    sw_status taken = store_by_name(sw_request_db(req), s->user.name, &same);
    if (taken == SW_OK)
        return sw_fail(req, SW_CONFLICT, NULL, "username already exists");
    if (taken != SW_NOT_FOUND)
        return taken;
    sw_request_keep(req, s);
    return sw_move(req, SW_LANE_HASH, hash_password);
}
