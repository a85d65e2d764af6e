/* How a text that an agent wrote is shown to a human who decides: on a card, in a page, on a terminal, in a log.
 * Nothing in it can be unseen, turn the text around it, or pass for another mark: such a code point is shown as
 * "<U+202E>". Shown so are the controls (all but tab and line feed), format characters, separators of lines and
 * paragraphs, blanks other than the space, what Unicode lets a font leave out, whatever looks blank, each mark after
 * the fourth that would be drawn on one character, a byte that is not UTF-8, and a "<" that begins what would read as
 * such a mark. Unicode 15.0. */
#ifndef COMMON_VISIBLE_TEXT_H
#define COMMON_VISIBLE_TEXT_H

#include "core/common/buf.h"

#include <stdint.h>

/* On one line: a tab and a line feed are shown as marks, too. Names, and lines of a log. */
enum { VISIBLE_ONE_LINE = 1 };

/* Can a reader not see this code point, or does it turn or hide what stands around it? Tab and line feed are not
 * hidden. */
bool visible_hidden(uint32_t code);
/* Appends the text as it is shown. A failure is in `out`. */
void visible_text(const char *text, size_t len, unsigned flags, buf *out);
/* Would it be shown otherwise than it is? For texts on which a human decides: worth a warning beside them. */
bool visible_changes(const char *text, size_t len, unsigned flags);
/* Is there nothing to see in it: no code point but blanks and hidden ones? */
bool visible_blank(const char *text, size_t len);

#endif
