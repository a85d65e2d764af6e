/* PATCH /api/users/:id: changes password, role or description. A change of password or role is a new generation: every
 * token that was given out before becomes void, and the sockets close. */
#include "../users.h"

typedef struct {
    int64_t id;
    const char *password; /* NULL when it stays */
    const char *password_hash;
    sw_role role;            /* 0 when it stays */
    const char *description; /* NULL when it stays */
    char hash[USERS_HASH_SIZE];
} change;

/* The rules that depend on whose row it is. They are checked twice: before hashing, and again in the write step, which
 * decides. */
static sw_status allowed(sw_request *req, sw_db *db, const change *c, sw_user *ret)
{
    int64_t others;
    sw_status found = store_by_id(db, c->id, ret);

    if (found == SW_NOT_FOUND)
        return sw_fail(req, SW_NOT_FOUND, NULL, "user not found");
    SW_TRY(found);
    if (!(SW_ROLE_BIT(ret->role) & SW_ROLES_HUMAN) && (c->password || c->role))
        return sw_fail(req, SW_INVALID, NULL, "only the description of AGENT and BUTLER users can be changed");
    if (ret->role == SW_ROLE_ADMIN && c->role == SW_ROLE_MEMBER) {
        SW_TRY(store_other_admins(db, c->id, &others));
        if (others == 0)
            return sw_fail(req, SW_CONFLICT, NULL, "the last admin cannot be demoted");
    }
    return SW_OK;
}

static sw_status store_and_reply(sw_tx *tx, void *arg)
{
    const change *c = arg;
    sw_user user;

    SW_TRY(allowed(sw_tx_request(tx), sw_tx_db(tx), c, &user));
    sw_role role = c->role ? c->role : user.role;
    bool new_generation = c->password_hash || role != user.role;

    SW_TRY(store_update(tx, c->id, c->password_hash, role, c->description, new_generation));
    if (new_generation)
        sw_tx_user_changed(tx, c->id, true);
    return user_reply(tx, 200, c->id, NULL);
}

static sw_status hash_password(sw_request *req)
{
    change *c = sw_request_kept(req);

    SW_TRY(sw_password_hash(sw_request_host(req), c->password, c->hash, sizeof c->hash));
    c->password_hash = c->hash;
    return sw_write(req, store_and_reply, c);
}

static bool given(sw_request *req, const char *name)
{
    return sw_value_type(sw_value_get(sw_body(req), name)) > SW_JSON_NULL;
}

sw_status patch_user(sw_request *req)
{
    change *c = sw_alloc(req, 1, sizeof *c);
    sw_user user;

    if (!c)
        return SW_NO_MEMORY;
    c->id = sw_path_id(req, "id");
    if (given(req, "password"))
        c->password = field_password(req);
    if (given(req, "role"))
        c->role = field_human_role(req, 0);
    if (given(req, "role") && !c->role)
        sw_invalid(req, "invalid_parameter", "role must be ADMIN or MEMBER");
    c->description = field_description(req);
    SW_TRY(sw_check(req));

    SW_TRY(allowed(req, sw_request_db(req), c, &user));
    if (!c->password)
        return sw_write(req, store_and_reply, c);
    sw_request_keep(req, c);
    return sw_move(req, SW_LANE_HASH, hash_password);
}
