/* Writes the cards, and escapes the text of others in them. See card.h. Pure: any thread. */
#include "out/card.h"

#include "core/common/visible_text.h"

#include <string.h>
#include <time.h>

enum { TIME_SIZE = 32 };

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

static void line(buf *out, const char *label, const char *text)
{
    buf_printf(out, "\n- %s: ", label);
    escape_markdown(out, text);
}

void card_write_ask(sw_json *out, const char *key, const card_ask *ask)
{
    static const char TOO_LONG[] = "需要授权执行命令。\n指令太长，无法在此完整显示。";
    static const char ELSEWHERE[] = "请在控制台批准";
    enum { FRAME = 2048 };
    buf text = {.at = NULL};
    char expires[TIME_SIZE];

    time_text(ask->expires_ms, expires);
    buf_add_text(&text, "需要授权执行命令。");
    line(&text, "目标", ask->agent);
    line(&text, "指令", ask->command);
    line(&text, "原因", ask->reason);
    line(&text, "有效期至", expires);
    /* Nobody may approve what the card cannot show. A character takes more bytes in JSON inside JSON. */
    bool whole = !text.failed && text.len + text.len / 4 + FRAME < CARD_BYTES_MAX;
    begin(out, key, "orange", "授权请求");
    if (whole)
        markdown(out, text.at, text.len);
    else
        markdown(out, TOO_LONG, sizeof TOO_LONG - 1);
    if (ask->buttons && whole)
        buttons(out, ask);
    else
        markdown(out, ELSEWHERE, sizeof ELSEWHERE - 1);
    end(out);
    buf_done(&text);
}

const char *card_status_text(const char *status)
{
    if (strcmp(status, "APPROVED") == 0)
        return "已批准";
    if (strcmp(status, "REJECTED") == 0)
        return "已拒绝";
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

void escape_markdown(buf *out, const char *text)
{
    bool line_begins = true;
    buf seen = {.at = NULL};

    add_seen(&seen, text);
    out->failed |= seen.failed;
    for (const char *begin = seen.at, *at = begin; !seen.failed && *at; at++) {
        if (means_something(begin, at, line_begins))
            add_entity(out, *at);
        else
            buf_add(out, at, 1);
        line_begins = *at == '\n' || (line_begins && (*at == ' ' || *at == '\t'));
    }
    buf_done(&seen);
}
