/* Makes readable text of what people write. See feishu_event.h. Pure: any thread. */
#include "in/feishu_event.h"
#include "words.h"
#include <string.h>

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

/* ---- mentions ---- */

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

static bool is_bot(const reader *r, const sw_value *mention)
{
    sw_str open_id = text_of(sw_value_get(mention, "id"), "open_id");

    return *r->bot ? text_is(open_id, r->bot) : nothing_before(r);
}

static void put_mention(reader *r, const sw_value *mention, sw_str fallback)
{
    sw_str name = text_of(mention, "name");

    if (mention && is_bot(r, mention))
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

/* ---- posts ---- */

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

/* ---- other types ---- */

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

void text_readable(buf *out, sw_str type, const sw_value *content, sw_str raw, const sw_value *mentions,
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
