/* To whom the frames of a write step go: to one or two users, to every human, or to every ADMIN. */
#include "talk/talk.h"

#include <string.h>

sw_status deliver_users(sw_tx *tx, sw_frame *frame, int64_t first, int64_t second)
{
    int64_t *users = sw_tx_alloc(tx, 2, sizeof *users);
    uint32_t count = 0;

    if (!users)
        return SW_NO_MEMORY;
    if (first)
        users[count++] = first;
    if (second && second != first)
        users[count++] = second;
    sw_audience to = {.size = sizeof to, .users = users, .user_count = count};
    sw_tx_send(tx, frame, &to);
    return SW_OK;
}

void deliver_humans(sw_tx *tx, sw_frame *frame)
{
    sw_audience to = {.size = sizeof to, .roles = SW_ROLES_HUMAN};
    sw_tx_send(tx, frame, &to);
}

typedef struct {
    sw_tx *tx;
    int64_t *ids;
    size_t count, room;
    bool failed;
} id_list;

static bool add_admin(void *arg, const sw_user *user)
{
    id_list *list = arg;

    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 16;
        int64_t *ids = sw_tx_alloc(list->tx, room, sizeof *ids);
        if (!ids) {
            list->failed = true;
            return false;
        }
        if (list->count)
            memcpy(ids, list->ids, list->count * sizeof *ids);
        list->ids = ids;
        list->room = room;
    }
    list->ids[list->count++] = user->id;
    return true;
}

sw_status deliver_admins(const chat *c, sw_tx *tx, const int64_t **ret, size_t *ret_count)
{
    id_list list = {.tx = tx};

    SW_TRY(c->users->each_admin(c->users_self, sw_tx_db(tx), add_admin, &list));
    if (list.failed)
        return SW_NO_MEMORY;
    *ret = list.ids;
    *ret_count = list.count;
    return SW_OK;
}
