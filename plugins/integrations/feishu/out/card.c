/* Writes the cards, and escapes the text of others in them. See card.h. Pure: any thread. */
#include "out/card.h"

#include "core/common/shown_command.h"
#include "core/common/visible_text.h"

#include <string.h>
#include <time.h>

enum { TIME_SIZE = 32 };

static void escape_seen(buf *out, const char *text);

/* Local time, as people read it. */
static void time_text(int64_t at_ms, char out[TIME_SIZE])
{
    time_t seconds = (time_t)(at_ms / 1000);
    struct tm local;

    out[0] = '\0';
    if (localtime_r(&seconds, &local))
        strftime(out, TIME_SIZE, "%Y-%m-%d %H:%M:%S", &local);
}

static void begin(sw_json *out, const char *key, const char *color, const char *title)
{
    sw_json_object_begin(out, key);
    sw_json_object_begin(out, "config");
    sw_json_bool(out, "wide_screen_mode", true);
    sw_json_bool(out, "update_multi", true);
    sw_json_object_end(out);
    sw_json_object_begin(out, "header");
    sw_json_text(out, "template", color);
    sw_json_object_begin(out, "title");
    sw_json_text(out, "tag", "plain_text");
    sw_json_text(out, "content", title);
    sw_json_object_end(out);
    sw_json_object_end(out);
    sw_json_array_begin(out, "elements");
}

static void end(sw_json *out)
{
    sw_json_array_end(out);
    sw_json_object_end(out);
}

static void markdown(sw_json *out, const char *text, size_t len)
{
    sw_json_object_begin(out, NULL);
    sw_json_text(out, "tag", "markdown");
    sw_json_textn(out, "content", text, len);
    sw_json_object_end(out);
}

static void button(sw_json *out, const char *type, const char *text, const card_ask *ask, const char *approved)
{
    sw_json_object_begin(out, NULL);
    sw_json_text(out, "tag", "button");
    sw_json_text(out, "type", type);
    sw_json_object_begin(out, "text");
    sw_json_text(out, "tag", "plain_text");
    sw_json_text(out, "content", text);
    sw_json_object_end(out);
    sw_json_object_begin(out, "value");
    sw_json_text(out, "action", "feishu_auth_decision");
    sw_json_text(out, "action_id", ask->action_id);
    sw_json_text(out, "approved", approved);
    sw_json_text(out, "command_sha256", ask->command_sha256);
    sw_json_object_end(out);
    sw_json_object_end(out);
}

static void buttons(sw_json *out, const card_ask *ask)
{
    sw_json_object_begin(out, NULL);
    sw_json_text(out, "tag", "action");
    sw_json_array_begin(out, "actions");
    button(out, "primary", "批准", ask, "true");
    button(out, "danger", "拒绝", ask, "false");
    sw_json_array_end(out);
    sw_json_object_end(out);
}

/* ---- the request. What somebody else wrote stands in an element of its own, line by line, so that nothing in it
 * passes for a line of the card ---- */

#define WORDS                                                                                                       \
    .empty_before = "（", .empty_after = " 个空行）", .more_before = "（还有 ", .more_between = " 个字符，直到第 ", \
    .more_after = " 行，没有显示）"

static const command_form COMMAND = {.numbers = true, WORDS}, REASON = {.numbers = false, WORDS};

/* An element's text: at most `max` bytes of it as they are shown. */
static command_shown show(const char *text, command_form form, size_t max, buf *out)
{
    buf seen = {.at = NULL};

    form.max = max;
    command_shown shown = command_show(text, strlen(text), &form, &seen);
    buf_add(&seen, "", 1);
    if (seen.failed)
        out->failed = true;
    else
        escape_seen(out, seen.at);
    buf_done(&seen);
    return shown;
}

/* A character takes more bytes in JSON inside JSON. */
static bool fits_card(const buf *command, const buf *reason)
{
    enum { FRAME = 2048 };
    size_t len = command->len + reason->len;
    return len + len / 4 + FRAME < CARD_BYTES_MAX;
}

typedef struct {
    buf command, reason;
    bool whole; /* both are shown to their end */
    size_t lines;
} shown_ask;

/* Whole when there is room; else as much of both as there is. */
static void show_ask(const card_ask *ask, shown_ask *ret)
{
    size_t max = CARD_BYTES_MAX;

    do {
        buf_clear(&ret->command);
        buf_clear(&ret->reason);
        command_shown command = show(ask->command, COMMAND, max, &ret->command);
        command_shown reason = show(ask->reason, REASON, max / 2, &ret->reason);
        ret->whole = command.whole && reason.whole;
        ret->lines = command.lines;
        max /= 2;
    } while (!fits_card(&ret->command, &ret->reason) && !ret->command.failed && !ret->reason.failed);
}

static void write_about(sw_json *out, const card_ask *ask, size_t lines)
{
    buf text = {.at = NULL};
    char expires[TIME_SIZE];

    time_text(ask->expires_ms, expires);
    buf_add_text(&text, "需要授权执行命令。\n- 目标: ");
    escape_markdown(&text, ask->agent);
    buf_printf(&text, "\n- 有效期至: %s\n- 指令（%zu 行）:", expires, lines);
    markdown(out, text.at ? text.at : "", text.len);
    buf_done(&text);
}

void card_write_ask(sw_json *out, const char *key, const card_ask *ask)
{
    static const char REASON_LABEL[] = "- 原因:", ELSEWHERE[] = "请在控制台批准",
                      TOO_LONG[] = "指令或原因太长，无法在此完整显示。";
    shown_ask shown = {.whole = false};

    show_ask(ask, &shown);
    bool failed = shown.command.failed || shown.reason.failed, whole = shown.whole && !failed;
    begin(out, key, "orange", "授权请求");
    write_about(out, ask, shown.lines);
    markdown(out, shown.command.at && !failed ? shown.command.at : "", failed ? 0 : shown.command.len);
    if (*ask->reason) {
        markdown(out, REASON_LABEL, sizeof REASON_LABEL - 1);
        markdown(out, shown.reason.at && !failed ? shown.reason.at : "", failed ? 0 : shown.reason.len);
    }
    if (!whole)
        markdown(out, TOO_LONG, sizeof TOO_LONG - 1);
    /* Nobody may approve what the card does not show to its end. */
    if (ask->buttons && whole)
        buttons(out, ask);
    else
        markdown(out, ELSEWHERE, sizeof ELSEWHERE - 1);
    end(out);
    buf_done(&shown.command);
    buf_done(&shown.reason);
}

const char *card_status_text(const char *status)
{
    if (strcmp(status, "APPROVED") == 0)
        return "已批准";
    if (strcmp(status, "REJECTED") == 0)
        return "已拒绝";
    if (strcmp(status, "WITHDRAWN") == 0)
        return "已撤回";
    return "已过期";
}

static const char *color_of(const char *status)
{
    if (strcmp(status, "APPROVED") == 0)
        return "green";
    return strcmp(status, "REJECTED") == 0 ? "red" : "grey";
}

void card_write_result(sw_json *out, const char *key, const card_result *result)
{
    buf text = {.at = NULL};
    char at[TIME_SIZE];

    time_text(result->at_ms, at);
    buf_add_text(&text, "请求 `");
    buf_add_text(&text, result->action_id); /* holds [A-Za-z0-9._-] alone */
    buf_printf(&text, "` %s%s。", card_status_text(result->status), result->already ? "（已处理）" : "");
    if (*result->who) {
        buf_add_text(&text, "\n处理人: ");
        escape_markdown(&text, result->who);
    }
    buf_printf(&text, "\n处理时间: %s", at);
    begin(out, key, color_of(result->status), "授权结果");
    markdown(out, text.at ? text.at : "", text.len);
    end(out);
    buf_done(&text);
}

/* ---- text of others, for the markdown of a card ---- */

/* These are escaped everywhere. '_' and '&' are escaped only where they could mean something, since commands are full
 * of them. */
static const char ALWAYS[] = "<>`*~[]|\\$";
/* These are escaped at the beginning of a line: lists, quotes, headings, rules. */
static const char AT_LINE_BEGIN[] = "#-+=!_";

static bool word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
}

static void add_entity(buf *out, char c)
{
    switch (c) {
    case '<':
        buf_add_text(out, "&lt;");
        break;
    case '>':
        buf_add_text(out, "&gt;");
        break;
    case '&':
        buf_add_text(out, "&amp;");
        break;
    default:
        buf_printf(out, "&#%d;", c);
        break;
    }
}

/* Must the character at `at` be written as an entity? */
static bool means_something(const char *text, const char *at, bool line_begins)
{
    if (strchr(ALWAYS, *at))
        return true;
    if (*at == '&')
        return at[1] == '#' || word(at[1]);
    if (*at == '_')
        return at == text || !word(at[-1]) || !word(at[1]);
    return line_begins && strchr(AT_LINE_BEGIN, *at);
}

/* A line that ends as on Windows ends like any other; everything else that cannot be seen is shown. */
static void add_seen(buf *out, const char *text)
{
    for (const char *end; (end = strstr(text, "\r\n")); text = end + 1)
        visible_text(text, (size_t)(end - text), 0, out);
    visible_text(text, strlen(text), 0, out);
    buf_add(out, "", 1);
}

/* Of a text that is shown as it is meant already. */
static void escape_seen(buf *out, const char *text)
{
    bool line_begins = true;

    for (const char *at = text; *at; at++) {
        if (means_something(text, at, line_begins))
            add_entity(out, *at);
        else
            buf_add(out, at, 1);
        line_begins = *at == '\n' || (line_begins && (*at == ' ' || *at == '\t'));
    }
}

void escape_markdown(buf *out, const char *text)
{
    buf seen = {.at = NULL};

    add_seen(&seen, text);
    out->failed |= seen.failed;
    if (!seen.failed)
        escape_seen(out, seen.at);
    buf_done(&seen);
}
