/* Text of others inside a card: it shows as it is and restyles nothing. */
#include "plugins/integrations/feishu/out/card.h"
#include "tests/unit/run_tests.h"
#include <stdlib.h>
#include <string.h>

static buf out;

static const char *escaped(const char *text)
{
    buf_done(&out);
    escape_markdown(&out, text);
    ck_assert(!out.failed);
    return buf_text(&out);
}

START_TEST(ordinary_commands_stay_readable)
{
    ck_assert_str_eq(escaped("systemctl restart nginx"), "systemctl restart nginx");
    ck_assert_str_eq(escaped("rm -rf /tmp/x && deploy_prod.sh 50%"), "rm -rf /tmp/x && deploy_prod.sh 50%");
    ck_assert_str_eq(escaped("重启 数据库"), "重启 数据库");
    ck_assert_str_eq(escaped("f(x): a, b; c=1 'd' \"e\""), "f(x): a, b; c=1 'd' \"e\"");
}
END_TEST

START_TEST(marks_become_entities)
{
    ck_assert_str_eq(escaped("<at id=all></at>"), "&lt;at id=all&gt;&lt;/at&gt;");
    ck_assert_str_eq(escaped("`x`"), "&#96;x&#96;");
    ck_assert_str_eq(escaped("**b** ~~s~~"), "&#42;&#42;b&#42;&#42; &#126;&#126;s&#126;&#126;");
    ck_assert_str_eq(escaped("[ok](http://evil)"), "&#91;ok&#93;(http://evil)");
    ck_assert_str_eq(escaped("a\\`b"), "a&#92;&#96;b");
    ck_assert_str_eq(escaped("_it_ snake_case"), "&#95;it&#95; snake_case");
}
END_TEST

START_TEST(an_entity_in_the_text_stays_text)
{
    ck_assert_str_eq(escaped("&lt;at&gt;"), "&amp;lt;at&amp;gt;");
    ck_assert_str_eq(escaped("&#60;"), "&amp;#60;");
    ck_assert_str_eq(escaped("a & b"), "a & b");
}
END_TEST

START_TEST(a_line_begins_nothing)
{
    ck_assert_str_eq(escaped("# a\n- b\n  > c\n---\n+ d"), "&#35; a\n&#45; b\n  &gt; c\n&#45;--\n&#43; d");
    ck_assert_str_eq(escaped("a\r\nb"), "a\nb");
}
END_TEST

START_TEST(what_is_not_seen_is_shown)
{
    ck_assert_str_eq(escaped("a\xe2\x80\xae"
                             "b"),
                     "a&lt;U+202E&gt;b");
    ck_assert_str_eq(escaped("a\xe2\x80\x8b"
                             "b"),
                     "a&lt;U+200B&gt;b");
    ck_assert_str_eq(escaped("\x1b[2J"), "&lt;U+001B&gt;&#91;2J");
    ck_assert_str_eq(escaped("a\rb"), "a&lt;U+000D&gt;b");
    ck_assert_str_eq(escaped("\xe2\x82\xac"), "\xe2\x82\xac");
    ck_assert_str_eq(escaped("\xe2"), "&lt;U+FFFD&gt;");
    ck_assert_str_eq(escaped("rm\xd8\x9cx\xf3\xa0\x81\xa1"), "rm&lt;U+061C&gt;x&lt;U+E0061&gt;");
    ck_assert_str_eq(escaped("rm\xe3\x80\x80-rf\x7f"), "rm&lt;U+3000&gt;-rf&lt;U+007F&gt;");
}
END_TEST

START_TEST(a_text_cannot_imitate_what_is_shown_for_a_hidden_character)
{
    ck_assert_str_eq(escaped("a<U+202E>b"), "a&lt;U+003C&gt;U+202E&gt;b");
}
END_TEST

static void add(TCase *tests)
{
    ADD(ordinary_commands_stay_readable);
    ADD(marks_become_entities);
    ADD(an_entity_in_the_text_stays_text);
    ADD(a_line_begins_nothing);
    ADD(what_is_not_seen_is_shown);
    ADD(a_text_cannot_imitate_what_is_shown_for_a_hidden_character);
}

int main(void)
{
    return run_tests("feishu escape", add);
}
