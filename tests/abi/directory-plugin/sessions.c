/* Ending sessions: one's own, somebody's, and those of a user who is gone. */
#include "directory.h"

#include <string.h>
#include <strings.h>

sw_status end_sessions(sw_tx *tx, int64_t user_id)
{
    SW_TRY(store_end(tx, user_id, NULL));
    sw_tx_user_changed(tx, user_id, true);
    return SW_OK;
}

/* ---- POST /api/auth/logout ---- */

typedef struct {
    uint8_t hash[HASH_SIZE];
} logout;

/* The person's other sockets close too, and open again with their own tokens. */
static sw_status end_this(sw_tx *tx, void *arg)
{
    const logout *l = arg;
    sw_request *req = sw_tx_request(tx);
    int64_t user_id = sw_request_principal(req)->user_id;

    SW_TRY(store_end(tx, user_id, l->hash));
    sw_tx_user_changed(tx, user_id, true);
    sw_reply_empty(req, 204);
    return SW_OK;
}

sw_status post_logout(sw_request *req)
{
    const char *value = sw_header(req, "Authorization");
    logout *l = sw_alloc(req, 1, sizeof *l);

    if (!l)
        return SW_NO_MEMORY;
    if (!value || strncasecmp(value, "Bearer ", 7) != 0)
        return SW_UNAUTHENTICATED;
    value += 7 + strspn(value + 7, " \t");
    token_hash(value, strcspn(value, " \t"), l->hash);
    return sw_write(req, end_this, l);
}

/* ---- DELETE /api/directory/sessions/:user_id ---- */

static sw_status end_theirs(sw_tx *tx, void *arg)
{
    const int64_t *user_id = arg;

    SW_TRY(end_sessions(tx, *user_id));
    sw_reply_empty(sw_tx_request(tx), 204);
    return SW_OK;
}

sw_status delete_sessions(sw_request *req)
{
    int64_t *user_id = sw_alloc(req, 1, sizeof *user_id);

    if (!user_id)
        return SW_NO_MEMORY;
    *user_id = sw_path_id(req, "user_id");
    SW_TRY(sw_check(req));
    return sw_write(req, end_theirs, user_id);
}

/* ---- a user is removed: in the same transaction ---- */

sw_status on_user_removed(sw_tx *tx, const void *data)
{
    return store_end(tx, ((const sw_user_event *)data)->user_id, NULL);
}
