/* The envelope's members, found by one scan without a tree. No state; on the socket's loop. */
#include "core/ws/envelope.h"

#include "core/base/json.h"
#include "core/base/json_scan.h"
#include "core/base/str.h"

enum { MEMBERS_MAX = 64, KEY_MAX = 32 };

typedef enum {
    M_NONE,
    M_TYPE,
    M_LOCAL_ID,
    M_TARGET_ID,
    M_CONVERSATION_ID,
    M_PAYLOAD,
    M_STREAM_ID,
    M_ACK,
    M_COUNT
} member_name;

static const char *const NAMES[M_COUNT] = {
    [M_NONE] = "",
    [M_TYPE] = "type",
    [M_LOCAL_ID] = "local_id",
    [M_TARGET_ID] = "target_id",
    [M_CONVERSATION_ID] = "conversation_id",
    [M_PAYLOAD] = "payload",
    [M_STREAM_ID] = "stream_id",
    [M_ACK] = "ack",
};

static member_name name_of(const json_member *m)
{
    sw_str key = m->key;
    char decoded[KEY_MAX];
    if (m->key_escaped) {
        /* Rare: "\u0074ype". An escape is at most six times as long as what it stands for. */
        if (key.len > sizeof decoded - 2)
            return M_NONE;
        char quoted[KEY_MAX];
        quoted[0] = quoted[key.len + 1] = '"';
        memcpy(quoted + 1, key.at, key.len);
        (void)json_string_decode((sw_str){quoted, key.len + 2}, decoded, &key.len);
        key.at = decoded;
    }
    for (int i = M_NONE + 1; i < M_COUNT; i++)
        if (str_equal(key, NAMES[i]))
            return (member_name)i;
    return M_NONE;
}

/* Text of 1..max bytes without NUL and lone surrogates, decoded into `out`. */
static bool read_text(const json_member *m, char *out, size_t max, uint8_t *ret_len)
{
    if (m->kind != '"' || m->value.len < 3)
        return false;
    if (m->value.len - 2 <= max && !memchr(m->value.at, '\\', m->value.len)) {
        memcpy(out, m->value.at + 1, m->value.len - 2);
        *ret_len = (uint8_t)(m->value.len - 2);
        return true;
    }
    char wide[6 * ENVELOPE_LOCAL_MAX + 2];
    size_t len = 0;
    if (m->value.len > sizeof wide || json_string_decode(m->value, wide, &len) != JSON_TEXT_WHOLE || len == 0 ||
        len > max)
        return false;
    memcpy(out, wide, len);
    *ret_len = (uint8_t)len;
    return true;
}

/* An integer; null counts as absent. */
static bool read_int(const json_member *m, int64_t *ret)
{
    *ret = 0;
    return m->kind == 'n' || (m->kind == '0' && json_number_int(m->value, ret));
}

static const char *invalid(const char **ret_error, const char *error)
{
    *ret_error = error;
    return "invalid_frame";
}

static const char *read_member(envelope *e, const json_member *m, member_name name, const char **ret_error)
{
    switch (name) {
    case M_TARGET_ID:
        return read_int(m, &e->target) ? NULL : invalid(ret_error, "target_id must be an integer");
    case M_CONVERSATION_ID:
        return read_int(m, &e->conversation) ? NULL : invalid(ret_error, "conversation_id must be an integer");
    case M_STREAM_ID:
        if (m->kind == 'n')
            return NULL;
        if (m->kind != '"' || m->value.len < 3 || m->value.len > 6 * ENVELOPE_STREAM_MAX ||
            json_string_decoded_len(m->value) > ENVELOPE_STREAM_MAX)
            return invalid(ret_error, "stream_id must be a string of 1 to 256 bytes");
        e->stream = m->value;
        return NULL;
    case M_ACK:
        if (m->kind != 't' && m->kind != 'f' && m->kind != 'n')
            return invalid(ret_error, "ack must be a boolean");
        e->ack = m->kind == 't';
        return NULL;
    case M_PAYLOAD:
        e->payload = m->value;
        e->payload_kind = m->kind;
        return NULL;
    default:
        return NULL; /* what the server sets itself, and what it does not know */
    }
}

static bool payload_fits(const envelope *e, size_t max)
{
    if (!e->payload.at || e->payload.len <= max)
        return true;
    return e->payload_kind == '"' && json_string_decoded_len(e->payload) <= max;
}

static const char *refused(json_fault fault, const char **ret_error)
{
    *ret_error = fault == JSON_NOT_VALID ? "not a JSON object" : json_fault_text(fault);
    return fault == JSON_NO_MEMORY ? "overloaded" : "bad_json";
}

/* No object in the payload has a member twice, nor any in what nobody reads, as far as that is no longer than a payload
 * may be: a frame may be eight times as long, and this is the loop. */
static json_fault check_inside(const envelope *e, const json_member *members, int count, size_t max)
{
    json_fault fault = JSON_SOUND;
    for (int i = 0; i < count && !fault; i++) {
        const json_member *m = &members[i];
        bool payload = m->value.at == e->payload.at;
        if ((m->kind != '{' && m->kind != '[') || (!payload && m->value.len > max))
            continue;
        if (!payload)
            max -= m->value.len;
        fault = json_check(m->value.at, m->value.len);
    }
    return fault;
}

/* What is stored or relayed holds no half of a character. `text` is the frame that the span is a part of. */
static void mend(char *text, sw_str span)
{
    if (span.at)
        json_mend(text + (span.at - text), span.len);
}

const char *envelope_read(envelope *e, char *text, size_t len, size_t payload_max, const char **ret_error)
{
    json_member members[MEMBERS_MAX];
    member_name names[MEMBERS_MAX];
    e->type_len = e->local_len = 0;
    e->has_local = e->ack = false;
    e->local_raw = e->stream = e->payload = (sw_str){NULL, 0};
    e->target = e->conversation = 0;
    json_scanned scanned;
    int count = json_scan_object(text, len, members, MEMBERS_MAX, &scanned);
    if (count < 0)
        return refused(scanned.fault, ret_error);
    const json_member *local = NULL, *type = NULL;
    for (int i = 0; i < count; i++) {
        names[i] = name_of(&members[i]);
        if (names[i] == M_LOCAL_ID && members[i].kind != 'n')
            local = &members[i];
        else if (names[i] == M_TYPE)
            type = &members[i];
    }
    if (local) {
        e->has_local = read_text(local, e->local, ENVELOPE_LOCAL_MAX, &e->local_len);
        if (!e->has_local)
            return invalid(ret_error, "local_id must be a string of 1 to 128 bytes, without a NUL or half a character");
        e->local_raw = local->value;
    }
    if (!type || type->kind != '"' || type->value.len < 3)
        return invalid(ret_error, "type is required");
    if (!read_text(type, e->type, ENVELOPE_TYPE_MAX, &e->type_len)) {
        *ret_error = "unknown frame type";
        return "unknown_type";
    }
    for (int i = 0; i < count; i++) {
        const char *code = read_member(e, &members[i], names[i], ret_error);
        if (code)
            return code;
    }
    if (!payload_fits(e, payload_max)) {
        *ret_error = "payload is too large";
        return "payload_too_large";
    }
    json_fault inside = check_inside(e, members, count, payload_max);
    if (inside)
        return refused(inside, ret_error);
    if (scanned.half) {
        mend(text, e->payload);
        mend(text, e->stream);
    }
    return NULL;
}

static void rebase(sw_str *s, const char *from, const char *to)
{
    if (s->at)
        s->at = to + (s->at - from);
}

void envelope_rebase(envelope *e, const char *from, const char *to)
{
    rebase(&e->local_raw, from, to);
    rebase(&e->stream, from, to);
    rebase(&e->payload, from, to);
}
