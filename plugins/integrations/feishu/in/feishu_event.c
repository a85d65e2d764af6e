/* Reads events. See feishu_event.h. Pure: any thread. */
#include "in/feishu_event.h"
#include "words.h"
#include <stdlib.h>
#include <string.h>

static const char TYPE_MESSAGE[] = "im.message.receive_v1";
static const char TYPE_CARD[] = "card.action.trigger";
static const char *const GROUPS[] = {"group", "chat", "thread", "topic_group", NULL};
static const char *const BOTS[] = {"bot", "app", NULL};
static const char *const YES[] = {"true", "1", "yes", NULL};

/* ---- memory ---- */

typedef struct kept {
    struct kept *next;
    char text[];
} kept;

static const char *keep(event *e, const char *text, size_t len)
{
    if (len == 0)
        return "";
    kept *k = malloc(sizeof *k + len + 1);
    if (!k)
        return NULL;
    memcpy(k->text, text, len);
    k->text[len] = '\0';
    k->next = e->memory;
    e->memory = k;
    return k->text;
}

void event_done(event *e)
{
    kept *k = e->memory;

    while (k) {
        kept *next = k->next;
        free(k);
        k = next;
    }
    *e = (event){.kind = EVENT_OTHER};
}

/* ---- members ---- */

/* The member up to its first NUL, trimmed; empty when it is not a text. */
static sw_str trimmed(const sw_value *object, const char *key)
{
    const char *text = sw_value_text(sw_value_get(object, key), NULL);

    return text ? text_trim(text, strlen(text)) : (sw_str){"", 0};
}

static bool one_of(sw_str text, const char *const *words)
{
    for (; *words; words++)
        if (text_same(text, (sw_str){*words, strlen(*words)}))
            return true;
    return false;
}

static bool take(event *e, const char **field, sw_str text)
{
    *field = keep(e, text.at, text.len);
    return *field != NULL;
}

static bool take_person(event *e, const sw_value *ids)
{
    return take(e, &e->person.user_id, trimmed(ids, "user_id")) &&
           take(e, &e->person.open_id, trimmed(ids, "open_id")) &&
           take(e, &e->person.union_id, trimmed(ids, "union_id"));
}

const char *event_person_id(const event_person *p)
{
    if (*p->user_id)
        return p->user_id;
    return *p->open_id ? p->open_id : p->union_id;
}

bool event_person_listed(const char *list, const event_person *p)
{
    return list_has(list, p->user_id) || list_has(list, p->open_id) || list_has(list, p->union_id);
}

/* ---- a message ---- */

static bool is_bot(const sw_value *mention, const char *bot)
{
    sw_str open_id = trimmed(sw_value_get(mention, "id"), "open_id");

    return open_id.len > 0 && text_same(open_id, (sw_str){bot, strlen(bot)});
}

static bool mentions_bot(const sw_value *mentions, const char *bot)
{
    size_t count = sw_value_count(mentions);

    if (!*bot)
        return count > 0;
    for (size_t i = 0; i < count; i++)
        if (is_bot(sw_value_at(mentions, i), bot))
            return true;
    return false;
}

static bool read_text(event *e, const sw_value *message, const sw_value *content, const char *bot)
{
    buf readable = {.at = NULL};
    size_t raw_len = 0;
    const char *raw = sw_value_text(sw_value_get(message, "content"), &raw_len);
    sw_str type = trimmed(message, "message_type");

    text_readable(&readable, type, content, raw ? (sw_str){raw, raw_len} : (sw_str){"", 0},
                  sw_value_get(message, "mentions"), bot);
    sw_str text = text_trim(readable.at ? readable.at : "", readable.len);
    bool kept_it = !readable.failed && take(e, &e->text, text);
    buf_done(&readable);
    return kept_it;
}

static bool read_message(event *e, const sw_value *root, const sw_value *content, const char *bot)
{
    const sw_value *body = sw_value_get(root, "event"), *message = sw_value_get(body, "message");
    const sw_value *sender = sw_value_get(body, "sender");
    sw_str message_id = trimmed(message, "message_id");

    e->kind = EVENT_MESSAGE;
    e->is_group = one_of(trimmed(message, "chat_type"), GROUPS);
    e->mentioned = mentions_bot(sw_value_get(message, "mentions"), bot);
    e->from_bot = one_of(trimmed(sender, "sender_type"), BOTS);
    if (message_id.len == 0)
        message_id = (sw_str){e->event_id, strlen(e->event_id)};
    if (!take(e, &e->message_id, message_id) || !take(e, &e->chat_id, trimmed(message, "chat_id")) ||
        !take_person(e, sw_value_get(sender, "sender_id")))
        return false;
    e->from_self = *bot && strcmp(e->person.open_id, bot) == 0;
    return read_text(e, message, content, bot);
}

/* ---- a click ---- */

static bool said_yes(const sw_value *v)
{
    size_t len = 0;
    const char *text = sw_value_text(v, &len);

    return text ? one_of(text_trim(text, len), YES) : sw_value_bool(v, 0) == 1;
}

static bool read_click(event *e, const sw_value *root)
{
    const sw_value *body = sw_value_get(root, "event"), *who = sw_value_get(body, "operator");
    const sw_value *value = sw_value_get(sw_value_get(body, "action"), "value");

    e->kind = EVENT_CARD;
    e->has_value = sw_value_type(value) == SW_JSON_OBJECT;
    e->approved = said_yes(sw_value_get(value, "approved"));
    return take_person(e, who) && take(e, &e->name, trimmed(who, "name")) &&
           take(e, &e->chat_id, trimmed(sw_value_get(body, "context"), "open_chat_id")) &&
           take(e, &e->action, trimmed(value, "action")) && take(e, &e->action_id, trimmed(value, "action_id"));
}

/* ---- the whole ---- */

const char *event_content(const sw_value *root, size_t *ret_len)
{
    const sw_value *message = sw_value_get(sw_value_get(root, "event"), "message");

    return sw_value_text(sw_value_get(message, "content"), ret_len);
}

bool event_read(event *ret, const sw_value *root, const sw_value *content, const char *bot)
{
    const sw_value *header = sw_value_get(root, "header");
    sw_str token = trimmed(root, "token");

    *ret = (event){.type = "",
                   .event_id = "",
                   .token = "",
                   .person = {"", "", ""},
                   .chat_id = "",
                   .message_id = "",
                   .text = "",
                   .name = "",
                   .action = "",
                   .action_id = ""};
    if (token.len == 0)
        token = trimmed(header, "token");
    if (!take(ret, &ret->type, trimmed(header, "event_type")) ||
        !take(ret, &ret->event_id, trimmed(header, "event_id")) || !take(ret, &ret->token, token))
        return false;
    if (strcmp(ret->type, TYPE_MESSAGE) == 0)
        return read_message(ret, root, content, bot);
    if (strcmp(ret->type, TYPE_CARD) == 0)
        return read_click(ret, root);
    return true;
}
