/* Cards: their shape, and what of others stands in them. */
#include "core/base/json.h"
#include "plugins/integrations/feishu/out/card.h"
#include "tests/unit/run_tests.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sw_json out;

static const sw_value *written(void)
{
    ck_assert(!json_failed(&out));
    const sw_value *v = json_read(out.out.at, out.out.len, 64);
    ck_assert_ptr_nonnull(v);
    return v;
}

static const sw_value *ask(const char *command, const char *reason, bool buttons)
{
    json_done(&out);
    json_init(&out, 0);
    card_write_ask(&out, NULL,
                   &(card_ask){.action_id = "a-1",
                               .agent = "db",
                               .command_sha256 = "c0ffee",
                               .command = command,
                               .reason = reason,
                               .expires_ms = INT64_C(1772746928123),
                               .buttons = buttons});
    return written();
}

static const char *text_of(const sw_value *card, size_t element)
{
    return sw_value_text(sw_value_get(sw_value_at(sw_value_get(card, "elements"), element), "content"), NULL);
}

enum { ABOUT, COMMAND, REASON_LABEL, REASON, BUTTONS, ELEMENTS };

START_TEST(a_request_has_two_buttons_that_name_it)
{
    const sw_value *card = ask("reboot", "stuck", true);
    const sw_value *elements = sw_value_get(card, "elements"), *block = sw_value_at(elements, BUTTONS);
    const sw_value *actions = sw_value_get(block, "actions");

    ck_assert_uint_eq(sw_value_count(elements), ELEMENTS);
    ck_assert_str_eq(sw_value_text(sw_value_get(block, "tag"), NULL), "action");
    ck_assert_uint_eq(sw_value_count(actions), 2);
    for (size_t i = 0; i < 2; i++) {
        const sw_value *value = sw_value_get(sw_value_at(actions, i), "value");
        ck_assert_str_eq(sw_value_text(sw_value_get(value, "action"), NULL), "feishu_auth_decision");
        ck_assert_str_eq(sw_value_text(sw_value_get(value, "action_id"), NULL), "a-1");
        ck_assert_str_eq(sw_value_text(sw_value_get(value, "approved"), NULL), i == 0 ? "true" : "false");
        ck_assert_str_eq(sw_value_text(sw_value_get(value, "command_sha256"), NULL), "c0ffee");
    }
    ck_assert_ptr_nonnull(strstr(text_of(card, ABOUT), "目标: db"));
    ck_assert_str_eq(text_of(card, COMMAND), "1 │ reboot");
    ck_assert_str_eq(text_of(card, REASON), "│ stuck");
    ck_assert_int_eq(sw_value_bool(sw_value_get(sw_value_get(card, "config"), "update_multi"), 0), 1);
    json_read_free(card);
}
END_TEST

START_TEST(without_buttons_it_says_where_to_go)
{
    const sw_value *card = ask("reboot", "", false);

    ck_assert_uint_eq(sw_value_count(sw_value_get(card, "elements")), 3);
    ck_assert_str_eq(text_of(card, 2), "请在控制台批准");
    json_read_free(card);
}
END_TEST

START_TEST(a_command_has_no_line_that_passes_for_the_cards_own_and_pushes_nothing_out_of_sight)
{
    char command[2048];
    const sw_value *card = ask("ls\n- 原因: 例行检查\n- 有效期至: 2030\n1 │ true", "x\n- 指令: `ls`", true);

    ck_assert_str_eq(text_of(card, COMMAND), "1 │ ls\n2 │ - 原因: 例行检查\n3 │ - 有效期至: 2030\n4 │ 1 │ true");
    ck_assert_str_eq(text_of(card, REASON), "│ x\n│ - 指令: &#96;ls&#96;");
    ck_assert_ptr_nonnull(strstr(text_of(card, ABOUT), "指令（4 行）"));
    json_read_free(card);
    memset(command, '\n', sizeof command);
    memcpy(command, "ls", 2);
    memcpy(command + 1000, "rm -rf /", 9);
    card = ask(command, "x", true);
    ck_assert_str_eq(text_of(card, COMMAND), "1 │ ls\n2–998 │ （997 个空行）\n999 │ rm -rf /");
    json_read_free(card);
    memset(command, ' ', sizeof command);
    memcpy(command, "ls", 2);
    memcpy(command + 1000, ";rm -rf /", 10);
    card = ask(command, "x", true);
    ck_assert_str_eq(text_of(card, COMMAND), "1 │ ls&lt;U+0020 ×998&gt;;rm -rf /");
    ck_assert_uint_eq(sw_value_count(sw_value_get(card, "elements")), ELEMENTS);
    json_read_free(card);
}
END_TEST

START_TEST(what_is_cut_is_counted_and_cannot_be_approved)
{
    enum { LONG = 16 * 1024 };
    char *command = malloc(LONG + 1);

    memset(command, '`', LONG);
    command[LONG] = '\0';
    const sw_value *card = ask(command, "x", true);
    ck_assert_uint_lt(out.out.len, CARD_BYTES_MAX);
    ck_assert_str_eq(text_of(card, BUTTONS), "指令或原因太长，无法在此完整显示。");
    ck_assert_str_eq(text_of(card, BUTTONS + 1), "请在控制台批准");
    ck_assert_ptr_nonnull(strstr(text_of(card, COMMAND), "个字符，直到第 1 行，没有显示）"));
    ck_assert_ptr_nonnull(strstr(text_of(card, COMMAND), "&#96;&#96;"));
    json_read_free(card);
    memset(command, 'x', LONG);
    card = ask(command, "x", true);
    ck_assert_uint_lt(out.out.len, CARD_BYTES_MAX);
    ck_assert_str_eq(text_of(card, COMMAND) + strlen("1 │ "), command);
    ck_assert_uint_eq(sw_value_count(sw_value_get(card, "elements")), ELEMENTS);
    json_read_free(card);
    card = ask("ls", command, true); /* a reason is at most half as long */
    ck_assert_str_eq(text_of(card, COMMAND), "1 │ ls");
    json_read_free(card);
    free(command);
}
END_TEST

START_TEST(results_tell_who_and_what)
{
    static const struct {
        const char *status, *color, *text;
    } CASES[] = {{"APPROVED", "green", "已批准"},
                 {"REJECTED", "red", "已拒绝"},
                 {"EXPIRED", "grey", "已过期"},
                 {"WITHDRAWN", "grey", "已撤回"}};

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        json_done(&out);
        json_init(&out, 0);
        card_write_result(
            &out, NULL,
            &(card_result){
                .action_id = "a-1", .status = CASES[i].status, .who = "<at id=all>", .at_ms = 1000, .already = i == 1});
        const sw_value *card = written();
        ck_assert_str_eq(sw_value_text(sw_value_get(sw_value_get(card, "header"), "template"), NULL), CASES[i].color);
        ck_assert_ptr_nonnull(strstr(text_of(card, 0), CASES[i].text));
        ck_assert_ptr_null(strstr(text_of(card, 0), "<at"));
        ck_assert_int_eq(strstr(text_of(card, 0), "（已处理）") != NULL, i == 1);
        json_read_free(card);
    }
}
END_TEST

static void add(TCase *tests)
{
    ADD(a_request_has_two_buttons_that_name_it);
    ADD(without_buttons_it_says_where_to_go);
    ADD(a_command_has_no_line_that_passes_for_the_cards_own_and_pushes_nothing_out_of_sight);
    ADD(what_is_cut_is_counted_and_cannot_be_approved);
    ADD(results_tell_who_and_what);
}

int main(void)
{
    return run_tests("feishu card", add);
}
