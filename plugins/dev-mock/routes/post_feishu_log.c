/* POST /api/dev/mock/feishu-log: adds a row to the log of the Feishu connector. */
#include "../dev_mock.h"

enum { LEVEL_MAX = 32, ACTION_MAX = 128, DETAIL_MAX = 16 * 1024 };

typedef struct {
    const char *level, *action, *detail;
} line;

static sw_status add(sw_tx *tx, void *arg)
{
    const dev_mock_state *state = sw_tx_state(tx);
    const line *l = arg;
    void *self = NULL;
    const sw_feishu_service *feishu = sw_service(state->host, "feishu/1", &self);

    if (!feishu)
        return sw_fail(sw_tx_request(tx), SW_UNAVAILABLE, NULL, "feishu is not loaded");
    sw_status added = feishu->log(self, tx, l->level, l->action, l->detail);
    if (added == SW_NOT_FOUND)
        return sw_fail(sw_tx_request(tx), SW_NOT_FOUND, NULL, "feishu connector not found");
    SW_TRY(added);
    sw_json *out = sw_tx_reply(tx, 201);
    sw_json_object_begin(out, NULL);
    sw_json_bool(out, "ok", true);
    sw_json_object_end(out);
    return SW_OK;
}

sw_status post_feishu_log(sw_request *req)
{
    line *l = sw_alloc(req, 1, sizeof *l);

    if (!l)
        return SW_NO_MEMORY;
    l->level = sw_body_text(req, "level", 1, LEVEL_MAX);
    l->action = sw_body_text(req, "action", 1, ACTION_MAX);
    l->detail = sw_body_text(req, "detail", 1, DETAIL_MAX);
    SW_TRY(sw_check(req));
    return sw_write(req, add, l);
}
