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

/* ---- routes/ ---- */
sw_status post_reset(sw_request *req);
sw_status post_chat(sw_request *req);
sw_status post_feishu_log(sw_request *req);

/* ---- routes/get_agent_token.c; the events are in the publisher's transaction ---- */
extern const sw_table DEV_MOCK_STATEMENTS;
sw_status get_agent_token(sw_request *req);
sw_status on_token_changed(sw_tx *tx, const void *data);
sw_status on_user_removed(sw_tx *tx, const void *data);
sw_status on_store_reset(sw_tx *tx, const void *data);

#endif
