/* What is shown of an agent's text, checked against Unicode's own files (Debian: unicode-data). */
#include "core/common/utf8.h"
#include "core/common/visible_text.h"
#include "tests/unit/run_tests.h"

enum { CODES = 0x110000 };

static bool hidden[CODES], mark[CODES], assigned_later[CODES];

static const char *shown(const char *text, size_t len, unsigned flags)
{
    static char out[4096];
    buf b;
    buf_init(&b, sizeof out);
    visible_text(text, len, flags, &b);
    ck_assert(!b.failed);
    snprintf(out, sizeof out, "%.*s", (int)b.len, b.at ? b.at : "");
    buf_done(&b);
    return out;
}

static const char *shown_text(const char *text)
{
    return shown(text, strlen(text), 0);
}

static FILE *unicode_file(const char *name)
{
    char path[200];
    snprintf(path, sizeof path, "/usr/share/unicode/%s", name);
    FILE *f = fopen(path, "r");
    ck_assert_msg(f != NULL, "there is no %s: the package unicode-data is missing", path);
    return f;
}

static void read_categories(void)
{
    FILE *f = unicode_file("UnicodeData.txt");
    char line[1024], name[200], category[4];
    unsigned code, first = 0;
    while (fgets(line, sizeof line, f)) {
        ck_assert_int_eq(sscanf(line, "%x;%199[^;];%3[^;]", &code, name, category), 3);
        if (!strstr(name, ", Last>"))
            first = code;
        for (unsigned c = first; c <= code; c++) {
            static const char *const CLASSES[] = {"Cc", "Cf", "Zl", "Zp", "Zs"};
            for (size_t i = 0; i < sizeof CLASSES / sizeof CLASSES[0]; i++)
                hidden[c] = hidden[c] || strcmp(category, CLASSES[i]) == 0;
            mark[c] = strcmp(category, "Mn") == 0 || strcmp(category, "Me") == 0;
        }
    }
    fclose(f);
}

/* Calls `each` for every code point of the file's property ("": of any). */
static void read_property(const char *file, const char *property, void (*each)(unsigned code, const char *value))
{
    FILE *f = unicode_file(file);
    char line[1024], value[80];
    while (fgets(line, sizeof line, f)) {
        unsigned first, last;
        int count = sscanf(line, "%x..%x ; %79[^ #\n]", &first, &last, value);
        if (count != 3) {
            count = sscanf(line, "%x ; %79[^ #\n]", &first, value);
            last = first;
            if (count != 2)
                continue;
        }
        for (unsigned c = first; (property[0] == '\0' || strcmp(value, property) == 0) && c <= last; c++)
            each(c, value);
    }
    fclose(f);
}

static void ignorable(unsigned code, const char *value)
{
    (void)value;
    hidden[code] = true;
}

static void age(unsigned code, const char *value)
{
    assigned_later[code] = strtod(value, NULL) > 15.0;
}

static void read_unicode(void)
{
    read_categories();
    read_property("DerivedCoreProperties.txt", "Default_Ignorable_Code_Point", ignorable);
    read_property("DerivedAge.txt", "", age);
    hidden[0x2800] = hidden[0x1D159] = hidden[0x16FE4] = true; /* blank, though no property says so */
    hidden['\t'] = hidden['\n'] = hidden[' '] = false;
}

START_TEST(every_code_point_of_the_classes_is_hidden_and_no_other)
{
    read_unicode();
    unsigned count = 0;
    for (unsigned c = 0; c < CODES; c++) {
        if (assigned_later[c])
            continue;
        ck_assert_msg(visible_hidden(c) == hidden[c], "U+%04X", c);
        count += hidden[c];
    }
    ck_assert_uint_gt(count, 4000);
}
END_TEST

START_TEST(a_hidden_code_point_is_shown_as_its_number_and_any_other_as_it_is)
{
    read_unicode();
    buf out;
    buf_init(&out, 100);
    for (unsigned c = 0; c < CODES; c++) {
        if (assigned_later[c] || (c >= 0xD800 && c < 0xE000))
            continue;
        char text[16] = "";
        size_t len = utf8_put(c, text);
        bool changes = visible_changes(text, len, 0);
        buf_clear(&out);
        visible_text(text, len, 0, &out);
        if (hidden[c])
            len = (size_t)snprintf(text, sizeof text, "<U+%04X>", c);
        if (changes != hidden[c] || out.len != len || memcmp(out.at, text, len) != 0)
            ck_abort_msg("U+%04X is shown as %.*s", c, (int)out.len, out.at);
    }
    buf_done(&out);
}
END_TEST

START_TEST(tabs_and_line_feeds_stay_but_on_one_line)
{
    ck_assert_str_eq(shown_text("a\tb\nc\r"), "a\tb\nc<U+000D>");
    ck_assert_str_eq(shown("a\tb\nc", 5, VISIBLE_ONE_LINE), "a<U+0009>b<U+000A>c");
}
END_TEST

START_TEST(a_text_cannot_imitate_a_mark)
{
    ck_assert_str_eq(shown_text("rm <U+202E> <u+1> <U"), "rm <U+003C>U+202E> <u+1> <U");
}
END_TEST

START_TEST(marks_cannot_pile_up_over_other_lines)
{
    char text[64] = "e";
    for (int i = 0; i < 6; i++)
        strcat(text, "\xCC\x81");
    ck_assert_str_eq(shown_text(text), "e\xCC\x81\xCC\x81\xCC\x81\xCC\x81<U+0301><U+0301>");
}
END_TEST

START_TEST(bytes_that_are_no_utf8_are_shown_as_broken)
{
    ck_assert_str_eq(shown_text("a\xFFz\xC3"), "a<U+FFFD>z<U+FFFD>");
    ck_assert_str_eq(shown("a\0b", 3, 0), "a<U+0000>b");
}
END_TEST

START_TEST(a_text_of_blanks_and_hidden_characters_is_blank)
{
    ck_assert(visible_blank("", 0));
    ck_assert(visible_blank(" \t\n\xC2\xA0\xE3\x80\x80\xE2\x80\x8B\xE2\xA0\x80", 15));
    ck_assert(!visible_blank(" x", 2));
    ck_assert(!visible_blank("\xFF", 1));
}
END_TEST

static void add(TCase *tests)
{
    tcase_set_timeout(tests, 100);
    ADD(every_code_point_of_the_classes_is_hidden_and_no_other);
    ADD(a_hidden_code_point_is_shown_as_its_number_and_any_other_as_it_is);
    ADD(tabs_and_line_feeds_stay_but_on_one_line);
    ADD(a_text_cannot_imitate_a_mark);
    ADD(marks_cannot_pile_up_over_other_lines);
    ADD(bytes_that_are_no_utf8_are_shown_as_broken);
    ADD(a_text_of_blanks_and_hidden_characters_is_blank);
}

int main(void)
{
    return run_tests("visible text", add);
}
