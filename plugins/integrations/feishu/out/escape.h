/* Text of others inside the markdown of a card. Pure. */
#ifndef FEISHU_ESCAPE_H
#define FEISHU_ESCAPE_H

#include "common/buf.h"

/* Adds `text` so that a card shows it as it is: nothing in it makes a mention, a link, a font, a code block, a list or
 * a heading, and no invisible or direction-changing character makes it look like another text (those are shown as
 * <U+202E>). Line ends stay. */
void escape_markdown(buf *out, const char *text);

#endif
