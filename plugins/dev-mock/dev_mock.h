/* dev-mock: what the files of this plugin share. plugin.c is the front door. */
#ifndef DEV_MOCK_H
#define DEV_MOCK_H

#include <steward/plugin.h>
#include <steward/service/chat.h>
#include <steward/service/feishu.h>
#include <steward/service/users.h>

/* Made by start(), freed by stop(), constant in between. */
typedef struct {
    sw_host *host;
    const sw_users_service *users;
    void *users_self;
} dev_mock_state;

/* ---- store.c: all SQL ---- */
extern const sw_table DEV_MOCK_STATEMENTS;

SW_MUST_USE sw_status store_token_put(sw_tx *tx, const sw_token_event *event);
/* SW_NOT_FOUND when none was kept. */
SW_MUST_USE sw_status store_token_find(sw_db *db, int64_t user_id, const char **ret_token);
SW_MUST_USE sw_status store_token_remove(sw_tx *tx, int64_t user_id);
SW_MUST_USE sw_status store_clear(sw_tx *tx);

/* ---- routes ---- */
sw_status post_reset(sw_request *req);
sw_status post_chat(sw_request *req);
sw_status get_agent_token(sw_request *req);
sw_status post_feishu_log(sw_request *req);

/* ---- events; in the publisher's transaction ---- */
sw_status on_token_changed(sw_tx *tx, const void *data);
sw_status on_user_removed(sw_tx *tx, const void *data);
sw_status on_store_reset(sw_tx *tx, const void *data);

#endif
