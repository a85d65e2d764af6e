/* What the Butler says to an ADMIN also goes to the chat its conversation came from. In the Butler's own transaction.
 */
#include "feishu.h"
#include "words.h"
#include <string.h>

sw_status on_chat_stored(sw_tx *tx, const void *data)
{
    const sw_chat_event *e = data;

    if (e->sender_role != SW_ROLE_BUTLER || e->receiver_role != SW_ROLE_ADMIN || strcmp(e->type, "CHAT") != 0)
        return SW_OK;
    size_t len = strlen(e->payload);
    const char *text = e->payload;
    if (*text == '"') {
        const sw_value *v = sw_json_parse_tx(tx, e->payload, len);
        text = sw_value_text(v, &len);
    }
    if (!text || text_trim(text, len).len == 0)
        return SW_OK;
    return outbox_reply(sw_tx_state(tx), tx, e->conversation_id, text, len);
}
