/* The cards of this plugin, in card JSON 1.0: the request with its two buttons, and what came of it. Everything that
 * others wrote is escaped. These functions have no state: any thread may call them. */
#ifndef FEISHU_CARD_H
#define FEISHU_CARD_H

#include "core/common/buf.h"
#include <steward/json.h>

/* The most that a card's content may hold. */
enum { CARD_BYTES_MAX = 30 * 1024 };

typedef struct {
    const char *action_id, *agent, *command, *reason;
    const char *command_sha256; /* the buttons say for which command they are */
    int64_t expires_ms;
    bool buttons; /* without them it says 请在控制台批准 */
} card_ask;

typedef struct {
    const char *action_id;
    const char *status; /* APPROVED, REJECTED, EXPIRED  */
    const char *who;    /* "" when nobody decided       */
    int64_t at_ms;
    bool already; /* this click came too late     */
} card_result;

/* Each writes one object, under `key`. */
void card_write_ask(sw_json *out, const char *key, const card_ask *ask);
void card_write_result(sw_json *out, const char *key, const card_result *result);

/* The status in Chinese: 已批准 and the like. */
const char *card_status_text(const char *status);

/* Adds `text` so that a card shows it as it is: nothing in it makes a mention, a link, a font, a code block, a list or
 * a heading, and no invisible or direction-changing character makes it look like another text (those are shown as
 * <U+202E>). Line ends stay. */
void escape_markdown(buf *out, const char *text);

#endif
