/* A request for approval on its way from a frame or a body (asking.c) to the store (ask.c). */
#ifndef CHAT_ASKING_H
#define CHAT_ASKING_H

#include "approvals/approvals.h"

/* One that was checked in its form. */
typedef struct {
    posting frame;         /* who asks whom, in which thread; of a body, too */
    const char *action_id; /* NULL: the server gives one */
    int64_t target_agent_id;
    const char *command, *reason, *tool, *cwd, *session_id; /* "" when not given */
    const sw_value *input;                                  /* NULL when not given */
    sw_str input_text;                                      /* its very bytes; `at` is NULL when there is none */
    char input_sha256[65];                                  /* "" when there is none */
    bool by_body;                                           /* it came over HTTP */
    int64_t expires_ms;                                     /* after it is stored */
    int64_t wait_ms;                                        /* of a body */
    rule_answer *ruled;                                     /* what rules say; NULL: they are not asked */
    rule_question question;                                 /* what they were asked */
    bool known;                                             /* it had been asked before */
    approval stored;
} asking;

/* Reads the members of `given`, whose text is `json`: the payload of a frame, or a body. Gives what is wrong, a static
 * text, or NULL. Any thread. */
const char *asking_read(const chat *c, const sw_value *given, sw_str json, asking *ask);
/* The whole frame; a fault is answered. */
sw_status asking_of_frame(sw_request *req, asking **ret);
/* The same of the body of POST /api/approvals. */
sw_status asking_of_body(sw_request *req, asking **ret);

#endif
