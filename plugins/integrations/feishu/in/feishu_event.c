/* Reads events, and makes text of messages that anybody can read. See feishu_event.h. Pure: any thread. */
#include "in/feishu_event.h"
#include "core/common/buf.h"
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

typedef struct {
    buf *out;
    const sw_value *mentions;
    const char *bot;
    size_t began; /* where in `out` this message begins */
} reader;

static sw_str text_of(const sw_value *object, const char *key)
{
    size_t len = 0;
    const char *text = sw_value_text(sw_value_get(object, key), &len);

    return text ? (sw_str){text, len} : (sw_str){"", 0};
}

static void put(reader *r, sw_str s)
{
    buf_add(r->out, s.at, s.len);
}

/* ---- a message as text: mentions ---- */

/* The length of a key such as "@_user_1" at `at`; 0 when there is none. A key is "@_" and letters, digits, '_'. */
static size_t key_length(const char *at, size_t left)
{
    size_t len = 2;

    if (left < 3 || at[0] != '@' || at[1] != '_')
        return 0;
    while (len < left && ((at[len] >= '0' && at[len] <= '9') || (at[len] >= 'a' && at[len] <= 'z') ||
                          (at[len] >= 'A' && at[len] <= 'Z') || at[len] == '_'))
        len++;
    return len;
}

/* The mention with whose key the text begins. Keys of different lengths may begin alike, and letters may follow the key
 * at once. */
static const sw_value *mention_of(const reader *r, const char *at, size_t left, size_t *ret_len)
{
    const sw_value *found = NULL;

    *ret_len = 0;
    for (size_t i = 0; i < sw_value_count(r->mentions); i++) {
        const sw_value *m = sw_value_at(r->mentions, i);
        sw_str key = text_of(m, "key");
        bool digits_go_on = key.len < left && key.len > 0 && at[key.len] >= '0' && at[key.len] <= '9';
        if (key.len > *ret_len && key.len <= left && memcmp(at, key.at, key.len) == 0 && !digits_go_on) {
            found = m;
            *ret_len = key.len;
        }
    }
    return found;
}

static bool nothing_before(const reader *r)
{
    return text_trim(r->out->at ? r->out->at + r->began : "", r->out->len - r->began).len == 0;
}

static bool names_bot(const reader *r, const sw_value *mention)
{
    sw_str open_id = text_of(sw_value_get(mention, "id"), "open_id");

    return *r->bot ? text_is(open_id, r->bot) : nothing_before(r);
}

static void put_mention(reader *r, const sw_value *mention, sw_str fallback)
{
    sw_str name = text_of(mention, "name");

    if (mention && names_bot(r, mention))
        return;
    buf_add_text(r->out, "@");
    put(r, name.len > 0 ? name : fallback);
}

static void put_text(reader *r, sw_str s)
{
    for (size_t i = 0; i < s.len;) {
        size_t len = 0;
        const sw_value *mention = s.at[i] == '@' ? mention_of(r, s.at + i, s.len - i, &len) : NULL;
        if (mention) {
            put_mention(r, mention, (sw_str){"?", 1});
            i += len;
            continue;
        }
        len = key_length(s.at + i, s.len - i);
        if (len == 5 && memcmp(s.at + i, "@_all", 5) == 0) {
            buf_add_text(r->out, "@all");
            i += len;
            continue;
        }
        if (s.at[i] == '\xc2' && i + 1 < s.len && s.at[i + 1] == '\xa0') { /* a no-break space */
            buf_add_text(r->out, " ");
            i += 2;
            continue;
        }
        if (s.at[i] != '\0')
            buf_add(r->out, s.at + i, 1);
        i++;
    }
}

/* ---- a message as text: posts ---- */

static void put_labelled(reader *r, const char *label, sw_str what)
{
    buf_printf(r->out, "[%s", label);
    if (what.len > 0) {
        buf_add_text(r->out, ": ");
        put(r, what);
    }
    buf_add_text(r->out, "]");
}

static void put_at(reader *r, const sw_value *element)
{
    sw_str user = text_of(element, "user_id"), name = text_of(element, "user_name");
    size_t len = 0;
    const sw_value *mention = user.len > 0 ? mention_of(r, user.at, user.len, &len) : NULL;

    if (!mention && *r->bot && text_is(user, r->bot))
        return;
    if (text_is(user, "all") || text_is(user, "@_all"))
        buf_add_text(r->out, "@all");
    else
        put_mention(r, mention, name.len > 0 ? name : (sw_str){"?", 1});
}

static void put_element(reader *r, const sw_value *element)
{
    sw_str tag = text_of(element, "tag");

    if (text_is(tag, "at")) {
        put_at(r, element);
    } else if (text_is(tag, "img")) {
        put_labelled(r, "图片", text_of(element, "image_key"));
    } else if (text_is(tag, "media")) {
        put_labelled(r, "视频", text_of(element, "file_key"));
    } else if (text_is(tag, "emotion")) {
        put_labelled(r, "表情", text_of(element, "emoji_type"));
    } else if (text_is(tag, "hr")) {
        buf_add_text(r->out, "---");
    } else {
        sw_str href = text_of(element, "href");
        put_text(r, text_of(element, "text"));
        if (text_is(tag, "a") && href.len > 0 && !text_is(href, text_of(element, "text").at)) {
            buf_add_text(r->out, " (");
            put(r, href);
            buf_add_text(r->out, ")");
        }
    }
}

static bool is_post(const sw_value *v)
{
    return sw_value_type(sw_value_get(v, "content")) == SW_JSON_ARRAY;
}

/* The object {"title","content"}, which may stand under a language. */
static const sw_value *post_of(const sw_value *content)
{
    static const char *const LANGUAGES[] = {"zh_cn", "en_us", "ja_jp", "zh_hk", "zh_tw"};
    const sw_value *post = sw_value_get(content, "post");

    content = post ? post : content;
    for (size_t i = 0; i < sizeof LANGUAGES / sizeof LANGUAGES[0] && !is_post(content); i++)
        if (is_post(sw_value_get(content, LANGUAGES[i])))
            return sw_value_get(content, LANGUAGES[i]);
    return content;
}

static void put_post(reader *r, const sw_value *content)
{
    const sw_value *post = post_of(content), *lines = sw_value_get(post, "content");
    sw_str title = text_of(post, "title");

    put_text(r, title);
    for (size_t i = 0; i < sw_value_count(lines); i++) {
        const sw_value *line = sw_value_at(lines, i);
        if (i > 0 || title.len > 0)
            buf_add_text(r->out, "\n");
        for (size_t k = 0; k < sw_value_count(line); k++)
            put_element(r, sw_value_at(line, k));
    }
}

/* ---- a message as text: other types ---- */

typedef struct {
    const char *type, *label, *first, *second; /* `first`, else `second`, is a member that says more */
} other_type;

static const other_type OTHERS[] = {
    {"image", "图片", "image_key", NULL},
    {"file", "文件", "file_name", "file_key"},
    {"folder", "文件夹", "file_name", "file_key"},
    {"audio", "语音", "file_key", NULL},
    {"media", "视频", "file_name", "file_key"},
    {"sticker", "表情", "file_key", NULL},
    {"share_chat", "群名片", "chat_id", NULL},
    {"share_user", "个人名片", "user_id", NULL},
    {"location", "位置", "name", NULL},
    {"merge_forward", "合并转发的聊天记录", NULL, NULL},
    {"interactive", "卡片", "title", NULL},
    {"todo", "任务", "task_id", NULL},
    {"vote", "投票", "topic", NULL},
    {"hongbao", "红包", "text", NULL},
    {"share_calendar_event", "日程", "summary", NULL},
    {"calendar", "日程", "summary", NULL},
    {"general_calendar", "日程", "summary", NULL},
    {"video_chat", "视频会议", "topic", NULL},
    {"system", "系统消息", "template", NULL},
};

static void put_other(reader *r, sw_str type, const sw_value *content)
{
    for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++) {
        const other_type *o = &OTHERS[i];
        if (!text_is(type, o->type))
            continue;
        sw_str more = o->first ? text_of(content, o->first) : (sw_str){"", 0};
        if (more.len == 0 && o->second)
            more = text_of(content, o->second);
        put_labelled(r, o->label, more);
        return;
    }
    put_labelled(r, "消息", type);
}

/* Adds what people wrote as text that somebody without Feishu can read: mentions by name, posts as lines, pictures and
 * files by what they are. `type` is what the platform calls the message, `content` its parsed content (NULL when it is
 * not JSON: then `raw` is taken as it is), `mentions` its list. A mention of `bot` (an open_id) vanishes; while the bot
 * is unknown (""), a mention that the text begins with. */
static void text_readable(buf *out, sw_str type, const sw_value *content, sw_str raw, const sw_value *mentions,
                          const char *bot)
{
    reader r = {.out = out, .mentions = mentions, .bot = bot, .began = out->len};

    if (sw_value_type(content) != SW_JSON_OBJECT)
        put_text(&r, raw);
    else if (sw_value_type(sw_value_get(content, "text")) == SW_JSON_TEXT)
        put_text(&r, text_of(content, "text"));
    else if (text_is(type, "post") || is_post(post_of(content)))
        put_post(&r, content);
    else
        put_other(&r, type, content);
}

/* ---- a message ---- */

static bool is_bot(const sw_value *mention, const char *bot)
{
    sw_str open_id = trimmed(sw_value_get(mention, "id"), "open_id");

    return open_id.len > 0 && text_is(open_id, bot);
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
           take(e, &e->action, trimmed(value, "action")) && take(e, &e->action_id, trimmed(value, "action_id")) &&
           take(e, &e->command_sha256, trimmed(value, "command_sha256"));
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
                   .action_id = "",
                   .command_sha256 = ""};
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
