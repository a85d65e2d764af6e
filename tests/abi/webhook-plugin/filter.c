/* Which messages are posted. Runs on the writer, inside the transaction that stores the message: so a delivery is
 * stored if and only if the message is, and neither a crash nor a rollback can part the two. */
#include "webhook.h"

#include <string.h>
#include <strings.h>

bool webhook_configured(const sw_host *host)
{
    return *sw_option_text(host, "url") && strlen(sw_option_text(host, "secret")) >= SECRET_MIN;
}

/* Is the word in the list, in any case? An empty list has all words. */
static bool listed(const sw_host *host, const char *option, const char *word)
{
    const char *item = sw_option_item(host, option, 0);

    if (!item)
        return true;
    for (size_t i = 0; item; item = sw_option_item(host, option, ++i))
        if (strcasecmp(item, word) == 0)
            return true;
    return false;
}

static bool wanted(const sw_host *host, const sw_message_event *m)
{
    return listed(host, "levels", m->level) && listed(host, "agents", m->agent_id) &&
           strstr(m->content, sw_option_text(host, "contains"));
}

/* Written once, here: every attempt posts the same bytes. */
static const char *write_body(sw_tx *tx, const sw_message_event *m, const char *uuid)
{
    sw_json *out = sw_json_new_tx(tx);

    sw_json_object_begin(out, NULL);
    sw_json_text(out, "id", uuid);
    sw_json_text(out, "type", SW_EVENT_MESSAGE_STORED);
    sw_json_object_begin(out, "message");
    sw_json_int(out, "id", m->id);
    sw_json_text(out, "agent_id", m->agent_id);
    sw_json_text(out, "level", m->level);
    sw_json_text(out, "content", m->content);
    sw_json_time(out, "timestamp", m->at_ms);
    sw_json_object_end(out);
    sw_json_object_end(out);
    return sw_json_str(out).at;
}

static void wake_courier(void *state, void *arg)
{
    (void)arg;
    courier_wake(state, false);
}

/* A full line costs the delivery, never the message: whoever posts messages must not suffer from a receiver. */
sw_status on_message(sw_tx *tx, const void *data)
{
    const sw_message_event *m = data;
    sw_host *host = sw_tx_host(tx);
    char uuid[UUID_SIZE];

    if (!webhook_configured(host) || !wanted(host, m))
        return SW_OK;
    SW_TRY(sw_uuid(uuid));
    const char *body = write_body(tx, m, uuid);
    if (!body)
        return SW_NO_MEMORY;
    sw_status stored = store_add(tx, uuid, m->id, body, sw_option_int(host, "queue"));
    if (stored == SW_OK)
        sw_tx_on_commit(tx, wake_courier, NULL);
    return stored == SW_TOO_LARGE ? SW_OK : stored;
}
