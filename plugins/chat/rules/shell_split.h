/* A command of a shell, split into the simple commands that a POSIX shell would run one after another.
 *
 * Sans-IO: it reads the bytes and writes into memory of the caller, in one pass. What it cannot follow for certain it
 * does not follow: shell_scan.why then says what was found, and such a command is never allowed by a pattern with a
 * wildcard. What comes after such a find is split as well as can be, for rules that deny. */
#ifndef CHAT_SHELL_SPLIT_H
#define CHAT_SHELL_SPLIT_H

#include <steward/base.h>

/* What makes a command more than plain simple commands. */
typedef enum {
    SHELL_PLAIN = 0,
    SHELL_NUL,           /* or another control character outside quotes */
    SHELL_UNBALANCED,    /* a quote without its end, a backslash at the end */
    SHELL_SUBSTITUTION,  /* $( ` <( >( $[ */
    SHELL_WRITES,        /* > and all that begins with it */
    SHELL_HERE_DOCUMENT, /* << <<< */
    SHELL_REDIRECTION,   /* <& <> or one before the name of the command */
    SHELL_PARENTHESIS,   /* a subshell, the definition of a function, an array */
    SHELL_DOLLAR_QUOTE,  /* $' $" */
    SHELL_PARAMETER,     /* ${ with more than a name */
    SHELL_COMMENT,
    SHELL_CONTINUED,  /* a backslash before a newline */
    SHELL_PIPE_BOTH,  /* |& */
    SHELL_NO_COMMAND, /* an operator with no command before or after it */
    SHELL_RESERVED,
    SHELL_ASSIGNMENT,
    SHELL_EXPANDED_NAME, /* the name of the command is not known before the shell has expanded it */
    SHELL_WRAPPER,       /* eval, sh -c, sudo: it runs what its arguments say */
    SHELL_WHYS
} shell_why;

/* A whole sentence for it; "" for SHELL_PLAIN. */
const char *shell_why_text(shell_why why);

/* A simple command. */
typedef struct {
    sw_str tidy;  /* as it stands, but runs of blanks outside quotes are one space, and none stand at its ends */
    sw_str plain; /* the same after quotes were removed */
} shell_part;

/* Does this name run what its arguments say? It is in the memory of the scan, and ends with a NUL. */
typedef bool (*shell_is_wrapper)(void *arg, const char *name);

typedef struct {
    const char *at, *end;
    char *tidy, *plain; /* where the next byte goes */
    shell_is_wrapper is_wrapper;
    void *arg;
    bool whole;    /* operators are text like any other: there is one part */
    bool wanting;  /* after && || |: a command must follow */
    shell_why why; /* the first find, SHELL_PLAIN while there is none */
} shell_scan;

/* How much memory a scan of `len` bytes writes to. A part ends with a NUL, and lives as long as this memory. */
#define SHELL_SPARE(len) (2 * (len) + 4)

/* `is_wrapper` may be NULL: then nothing is one. */
void shell_begin(shell_scan *s, sw_str command, char *spare, shell_is_wrapper is_wrapper, void *arg);
/* The same, but what comes is the whole command as one part: for rules that speak of a pipeline. */
void shell_begin_whole(shell_scan *s, sw_str command, char *spare);
/* false when there are no more; only then is s->why complete. */
bool shell_next(shell_scan *s, shell_part *ret);

#endif
