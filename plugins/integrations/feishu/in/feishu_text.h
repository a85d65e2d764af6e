/* What people write, as text that somebody without Feishu can read: mentions by name, posts as lines, pictures and
 * files by what they are. Pure. */
#ifndef FEISHU_TEXT_H
#define FEISHU_TEXT_H

#include "common/buf.h"
#include <steward/json.h>

/* Adds the text of a message: `type` as the platform names it, `content` its parsed content (NULL: no JSON, then `raw`
 * is taken as it is), `mentions` its list. Mentions of `bot` (an open_id) vanish; while the bot is unknown (""), one
 * that the text begins with. */
void text_readable(buf *out, sw_str type, const sw_value *content, sw_str raw, const sw_value *mentions,
                   const char *bot);

#endif
