/* How a command that an agent asks to run is shown to a human who decides, as a thing of its own: on a card, in a page,
 * on a terminal. Each line has its number, so that none of it passes for a line of whoever shows it; runs of empty
 * lines and of blanks are folded into their count, so that nothing is pushed out of sight; and what is too long is cut
 * with a count of what is missing. What cannot be seen is shown as in visible_text.h. */
#ifndef COMMON_SHOWN_COMMAND_H
#define COMMON_SHOWN_COMMAND_H

#include "core/common/buf.h"

typedef struct {
    bool numbers; /* else each line begins with the bar alone: for a reason, say */
    size_t max;   /* bytes that may be shown, without the line that says what is missing */
    /* Words of its reader: "(12 empty lines)", "(120 characters and 3 lines more)". */
    const char *empty_before, *empty_after;
    const char *more_before, *more_between, *more_after;
} command_form;

typedef struct {
    size_t lines; /* of the command */
    bool whole;   /* nothing is missing: only then may somebody approve what is shown */
} command_shown;

extern const command_form COMMAND_FORM; /* numbers, in English, 64 KiB */

/* Appends it, lines with '\n' between them. A failure is in `out`. */
command_shown command_show(const char *text, size_t len, const command_form *form, buf *out);

#endif
