/* Events as the platform sends them, and as nobody should. */
#include "core/base/json.h"
#include "plugins/integrations/feishu/in/feishu_event.h"
#include "tests/unit/run_tests.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static event read_event;

/* Reads an event; its content too. */
static const event *read_json(const char *json, const char *bot)
{
    const sw_value *root = json_read(json, strlen(json), 64);
    size_t len = 0;
    const char *content = event_content(root, &len);
    const sw_value *parsed = content ? json_read(content, len, 64) : NULL;

    event_done(&read_event);
    ck_assert(event_read(&read_event, root, parsed, bot));
    json_read_free(parsed);
    json_read_free(root);
    return &read_event;
}

/* A message of that type and content, in that type of chat; `more` begins with a comma. */
static const event *message_in(const char *chat, const char *type, const char *content, const char *more,
                               const char *bot)
{
    char json[4096], quoted[2048] = "";
    size_t len = 0;

    for (const char *at = content; *at && len + 2 < sizeof quoted; at++) {
        if (*at == '"' || *at == '\\')
            quoted[len++] = '\\';
        quoted[len++] = *at;
    }
    snprintf(
        json, sizeof json,
        "{\"schema\":\"2.0\",\"header\":{\"event_id\":\"e1\",\"event_type\":\"im.message.receive_v1\",\"token\":\"t\"},"
        "\"event\":{\"sender\":{\"sender_id\":{\"open_id\":\"ou_1\",\"union_id\":\"on_1\"},\"sender_type\":\"user\"},"
        "\"message\":{\"message_id\":\" om_1 \",\"chat_id\":\"oc_1\",\"chat_type\":\"%s\",\"message_type\":\"%s\","
        "\"content\":\"%.*s\"%s}}}",
        chat, type, (int)len, quoted, more);
    return read_json(json, bot);
}

static const event *message(const char *type, const char *content, const char *more, const char *bot)
{
    return message_in("group", type, content, more, bot);
}

#define MENTIONS                                                                              \
    ",\"mentions\":[{\"key\":\"@_user_1\",\"id\":{\"open_id\":\"ou_bot\"},\"name\":\"Bot\"}," \
    "{\"key\":\"@_user_10\",\"id\":{\"open_id\":\"ou_2\"},\"name\":\"Ann\"}]"

START_TEST(a_message_is_read_with_its_ids)
{
    const event *e = message("text", "{\"text\":\" hi\\u00a0there \"}", "", "ou_bot");

    ck_assert_int_eq(e->kind, EVENT_MESSAGE);
    ck_assert_str_eq(e->message_id, "om_1");
    ck_assert_str_eq(e->chat_id, "oc_1");
    ck_assert_str_eq(e->token, "t");
    ck_assert_str_eq(event_person_id(&e->person), "ou_1");
    ck_assert_str_eq(e->text, "hi there");
    ck_assert(e->is_group && !e->mentioned && !e->from_bot && !e->from_self);
}
END_TEST

START_TEST(mentions_of_the_bot_vanish_and_others_become_names)
{
    const event *e = message("text", "{\"text\":\"@_user_1 ask @_user_10 and @_user_2, @_all\"}", MENTIONS, "ou_bot");

    ck_assert_str_eq(e->text, "ask @Ann and @_user_2, @all");
    ck_assert(e->mentioned);
    e = message("text", "{\"text\":\"@_user_1 hi\"}", MENTIONS, "ou_other");
    ck_assert_str_eq(e->text, "@Bot hi");
    ck_assert(!e->mentioned);
}
END_TEST

START_TEST(while_the_bot_is_unknown_any_mention_counts)
{
    const event *e = message("text", "{\"text\":\"@_user_1 tell @_user_10\"}", MENTIONS, "");

    ck_assert(e->mentioned);
    ck_assert_str_eq(e->text, "tell @Ann");
    e = message("text", "{\"text\":\"hi\"}", ",\"mentions\":[]", "");
    ck_assert(!e->mentioned);
}
END_TEST

START_TEST(its_own_messages_are_known)
{
    ck_assert(message("text", "{}", "", "ou_1")->from_self);
    ck_assert(!message("text", "{}", "", "")->from_self);
}
END_TEST

START_TEST(posts_become_lines)
{
    static const char *const POSTS[] = {
        "{\"title\":\"T\",\"content\":[[{\"tag\":\"text\",\"text\":\"a \"},{\"tag\":\"a\",\"text\":\"b\",\"href\":\"http://c\"}],"
        "[{\"tag\":\"at\",\"user_id\":\"@_user_1\",\"user_name\":\"Bot\"},{\"tag\":\"at\",\"user_id\":\"ou_9\",\"user_name\":\"Z\"},"
        "{\"tag\":\"img\",\"image_key\":\"img_1\"}]]}",
        "{\"zh_cn\":{\"title\":\"T\",\"content\":[[{\"tag\":\"text\",\"text\":\"a \"},{\"tag\":\"a\",\"text\":\"b\",\"href\":"
        "\"http://c\"}],[{\"tag\":\"at\",\"user_id\":\"@_user_1\"},{\"tag\":\"at\",\"user_id\":\"x\",\"user_name\":\"Z\"},"
        "{\"tag\":\"img\",\"image_key\":\"img_1\"}]]}}",
    };

    for (size_t i = 0; i < 2; i++)
        ck_assert_str_eq(message("post", POSTS[i], MENTIONS, "ou_bot")->text, "T\na b (http://c)\n@Z[图片: img_1]");
}
END_TEST

START_TEST(other_types_say_what_they_are)
{
    static const char *const CASES[][3] = {
        {"image", "{\"image_key\":\"img_1\"}", "[图片: img_1]"},
        {"file", "{\"file_key\":\"f\",\"file_name\":\"a.pdf\"}", "[文件: a.pdf]"},
        {"audio", "{\"file_key\":\"f\",\"duration\":2000}", "[语音: f]"},
        {"sticker", "{}", "[表情]"},
        {"merge_forward", "{\"content\":\"Merged\"}", "[合并转发的聊天记录]"},
        {"brand_new", "{\"x\":1}", "[消息: brand_new]"},
        {"text", "not json", "not json"},
        {"text", "[1]", "[1]"},
        {"text", "", ""},
        {"text", "{\"text\":\"  \"}", ""},
        {"text", "{\"text\":\"a\\u0000b\"}", "ab"},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        ck_assert_str_eq(message(CASES[i][0], CASES[i][1], "", "ou_bot")->text, CASES[i][2]);
}
END_TEST

START_TEST(kinds_of_chats)
{
    static const struct {
        const char *type;
        bool group;
    } CASES[] = {{"group", true}, {"topic_group", true}, {"GROUP", true}, {"p2p", false}, {"new", false}};

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        ck_assert_int_eq(message_in(CASES[i].type, "text", "{\"text\":\"x\"}", "", "")->is_group, CASES[i].group);
}
END_TEST

#define CLICK(value)                                                                                                \
    "{\"header\":{\"event_type\":\"card.action.trigger\",\"event_id\":\"e\"},\"event\":{\"operator\":{\"open_id\":" \
    "\"ou_1\",\"name\":\"Ann\"},\"action\":{\"value\":" value "},\"context\":{\"open_chat_id\":\"oc_1\"}}}"

START_TEST(a_click_is_read)
{
    const event *e =
        read_json(CLICK("{\"action\":\" feishu_auth_decision \",\"action_id\":\"a-1\",\"approved\":\"true\"}"), "");

    ck_assert_int_eq(e->kind, EVENT_CARD);
    ck_assert_str_eq(e->action, "feishu_auth_decision");
    ck_assert_str_eq(e->action_id, "a-1");
    ck_assert_str_eq(e->chat_id, "oc_1");
    ck_assert_str_eq(e->name, "Ann");
    ck_assert(e->approved && e->has_value);
}
END_TEST

START_TEST(yes_is_a_word_or_a_boolean)
{
    static const struct {
        const char *json;
        bool approved;
    } CASES[] = {
        {CLICK("{\"approved\":true}"), true},    {CLICK("{\"approved\":\" YES \"}"), true},
        {CLICK("{\"approved\":\"1\"}"), true},   {CLICK("{\"approved\":false}"), false},
        {CLICK("{\"approved\":\"no\"}"), false}, {CLICK("{\"approved\":1}"), false},
        {CLICK("{\"approved\":null}"), false},   {CLICK("{}"), false},
        {CLICK("{\"approved\":[true]}"), false}, {CLICK("\"approved\""), false},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        ck_assert_msg(read_json(CASES[i].json, "")->approved == CASES[i].approved, "%s", CASES[i].json);
    ck_assert(!read_json(CLICK("\"text\""), "")->has_value);
}
END_TEST

START_TEST(anything_else_is_nothing_for_us)
{
    static const char *const OTHERS[] = {
        "{}",
        "[]",
        "null",
        "7",
        "\"x\"",
        "{\"header\":7,\"event\":[]}",
        "{\"header\":{\"event_type\":\"im.chat.updated_v1\"}}",
        "{\"header\":{\"event_type\":[\"im.message.receive_v1\"]}}",
        "{\"uuid\":\"1\",\"event\":{\"type\":\"message\"}}",
    };

    for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++)
        ck_assert_int_eq(read_json(OTHERS[i], "ou_bot")->kind, EVENT_OTHER);
}
END_TEST

START_TEST(a_message_without_anything_is_empty_and_not_a_crash)
{
    const event *e = read_json("{\"header\":{\"event_type\":\"im.message.receive_v1\",\"event_id\":\"e9\"}}", "ou_bot");

    ck_assert_int_eq(e->kind, EVENT_MESSAGE);
    ck_assert_str_eq(e->message_id, "e9");
    ck_assert_str_eq(e->text, "");
    ck_assert_str_eq(e->chat_id, "");
    ck_assert_str_eq(event_person_id(&e->person), "");
}
END_TEST

START_TEST(a_token_on_top_comes_before_the_header_s)
{
    ck_assert_str_eq(read_json("{\"token\":\"top\",\"header\":{\"token\":\"low\"}}", "")->token, "top");
    ck_assert_str_eq(read_json("{\"token\":\" \",\"header\":{\"token\":\"low\"}}", "")->token, "low");
}
END_TEST

static void add(TCase *tests)
{
    ADD(a_message_is_read_with_its_ids);
    ADD(mentions_of_the_bot_vanish_and_others_become_names);
    ADD(while_the_bot_is_unknown_any_mention_counts);
    ADD(its_own_messages_are_known);
    ADD(posts_become_lines);
    ADD(other_types_say_what_they_are);
    ADD(kinds_of_chats);
    ADD(a_click_is_read);
    ADD(yes_is_a_word_or_a_boolean);
    ADD(anything_else_is_nothing_for_us);
    ADD(a_message_without_anything_is_empty_and_not_a_crash);
    ADD(a_token_on_top_comes_before_the_header_s);
}

int main(void)
{
    return run_tests("feishu event", add);
}
