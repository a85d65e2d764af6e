/* Service "feishu/1": other plugins add rows to the integration log, in their own write steps. `self` is this plugin's
 * state. */
#include "feishu.h"

static sw_status add_log(void *self, sw_tx *tx, const char *level, const char *action, const char *detail)
{
    connector c;

    SW_TRY(connector_newest(self, sw_tx_db(tx), &c));
    return log_add(tx, c.id, level, action, detail);
}

const sw_feishu_service FEISHU_SERVICE = {.size = sizeof FEISHU_SERVICE, .log = add_log};
