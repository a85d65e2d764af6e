/* Frame SYSTEM_LOG: an agent reports. The report is stored as a message under the agent's name, and every human sees
 * it. */
#include "../messages.h"

#include <string.h>

typedef struct {
    message m;
    sw_str local_id;  /* `at` is NULL when there is none */
    uint8_t hash[32]; /* of what a repeat must have in common */
} report;

static sw_status refuse(sw_request *req, const char *why)
{
    return sw_fail(req, SW_INVALID, "invalid_frame", "%s", why);
}

/* ---- on the writer ---- */

static sw_status store(sw_tx *tx, report *r)
{
    SW_TRY(store_add(tx, &r->m));
    SW_TRY(message_report(tx, &r->m));
    SW_TRY(message_announce(tx, &r->m, true));
    sw_tx_ack(tx, r->m.id, r->m.at_ms);
    return SW_OK;
}

/* The same frame again is the same message. The same local_id with another frame is an error, unless this socket was
 * opened after that frame: agents begin to count anew in each run. */
static sw_status store_once(sw_tx *tx, report *r)
{
    sw_request *req = sw_tx_request(tx);
    const sw_principal *sender = sw_request_principal(req);
    stored_key kept, first;
    sw_status found = store_local_find(tx, sender->user_id, r->local_id, &first);

    if (found == SW_OK && memcmp(first.hash, r->hash, sizeof r->hash) == 0) {
        sw_tx_ack(tx, first.first_id, first.at_ms);
        return SW_OK;
    }
    if (found == SW_OK && sender->opened_ms <= first.at_ms)
        return sw_fail(req, SW_CONFLICT, "local_id_reused", "local_id was used for another frame");
    if (found != SW_OK && found != SW_NOT_FOUND)
        return found;
    SW_TRY(store(tx, r));
    kept = (stored_key){.first_id = r->m.id, .at_ms = r->m.at_ms};
    memcpy(kept.hash, r->hash, sizeof kept.hash);
    return store_local_put(tx, sender->user_id, r->local_id, &kept);
}

static sw_status store_report(sw_tx *tx, void *arg)
{
    report *r = arg;

    return r->local_id.at ? store_once(tx, r) : store(tx, r);
}

/* ---- on a worker ---- */

static sw_status read_level(sw_request *req, const sw_value *level, message *m)
{
    size_t len = 0;

    if (!level || sw_value_type(level) == SW_JSON_NULL) {
        message_set_level(m, "INFO", 4);
        return SW_OK;
    }
    const char *text = sw_value_text(level, &len);
    if (!text || len == 0 || len > MESSAGE_LEVEL_MAX || memchr(text, '\0', len))
        return refuse(req, "level must be a string of 1 to 32 bytes");
    message_set_level(m, text, len);
    return SW_OK;
}

static sw_status read_content(sw_request *req, const sw_value *content, message *m)
{
    size_t len = 0;
    const char *text = sw_value_text(content, &len);

    if (!text || len == 0)
        return refuse(req, "content must be a string that is not empty");
    if (len > MESSAGE_CONTENT_MAX)
        return sw_fail(req, SW_TOO_LARGE, "payload_too_large", "content must be at most %d bytes", MESSAGE_CONTENT_MAX);
    if (memchr(text, '\0', len))
        return refuse(req, "content must not hold a NUL character");
    m->content = (sw_str){text, len};
    return message_encode(req, m);
}

/* Hashes target, conversation and payload as they came. */
static sw_status hash_frame(sw_request *req, uint8_t hash[32])
{
    sw_str payload = sw_frame_payload(req);
    char *text = sw_printf(req, "%lld %lld %.*s", (long long)sw_frame_target(req),
                           (long long)sw_frame_conversation(req), (int)payload.len, payload.at);
    if (!text)
        return SW_NO_MEMORY;
    sw_sha256(text, strlen(text), hash);
    return SW_OK;
}

sw_status on_system_log(sw_request *req)
{
    const char *name = sw_request_principal(req)->name;
    const sw_value *payload = sw_frame_payload_object(req);
    report *r = sw_alloc(req, 1, sizeof *r);

    if (!r)
        return SW_NO_MEMORY;
    if (!payload)
        return refuse(req, "payload must be an object {level, content}, or one as a JSON string");
    r->m.agent_id = (sw_str){name, strlen(name)};
    SW_TRY(read_level(req, sw_value_get(payload, "level"), &r->m));
    SW_TRY(read_content(req, sw_value_get(payload, "content"), &r->m));
    r->local_id = sw_frame_local_id(req);
    if (r->local_id.len > MESSAGES_KEY_MAX || (r->local_id.at && r->local_id.len == 0))
        return refuse(req, "local_id must be 1 to 128 bytes");
    if (r->local_id.at)
        SW_TRY(hash_frame(req, r->hash));
    return sw_write(req, store_report, r);
}
