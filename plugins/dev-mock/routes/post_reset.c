/* POST /api/dev/mock/reset: every plugin empties its tables in one transaction, and users makes admin and Butler again.
 */
#include "../dev_mock.h"

enum { CLOSE_REVOKED = 4003 };

static sw_status reset(sw_tx *tx, void *arg)
{
    (void)arg;
    SW_TRY(sw_tx_publish(tx, SW_EVENT_STORE_RESET, NULL, 0));
    sw_tx_close_all(tx, CLOSE_REVOKED, "the store was reset");
    sw_json *out = sw_tx_reply(tx, 200);
    sw_json_object_begin(out, NULL);
    sw_json_text(out, "status", "reset");
    sw_json_object_end(out);
    return SW_OK;
}

sw_status post_reset(sw_request *req)
{
    return sw_write(req, reset, NULL);
}
