/* One question to the module that owns stored frames, asked on a worker: HELLO's numbers, a page of rows, a page of the
 * greeting, or a receipt. */
#ifndef CORE_WS_RECOVERY_TASK_H
#define CORE_WS_RECOVERY_TASK_H

#include "core/ws/ws_internal.h"

struct sw_replay_out {
    struct hub *hub;
    frame_list frames;
    sw_frame *open; /* being written */
    size_t bytes, budget;
    unsigned count;
    bool no_memory; /* there was none for a frame */
};

typedef enum { TASK_HELLO = 1, TASK_PAGE, TASK_GREET, TASK_RECEIPT } recovery_kind;

typedef struct recovery_task recovery_task;

/* Back on the loop; owns the task, ends with recovery_task_free(). */
typedef void (*recovery_answer)(ws_socket *s, recovery_task *t);

struct recovery_task {
    sw_request req;
    recovery_kind kind;
    recovery_answer answer;
    ws_socket *socket; /* a reference */
    bool hello;
    int64_t since;  /* the client's; PAGE: the id to go on from */
    int64_t cursor; /* GREET: in and out */
    /* the answer */
    sw_status status;
    int64_t last_id;
    bool complete, more;
    sw_replay_out out;
};

/* Returns false when the lane has no room; then nothing was begun. */
bool recovery_task_start(recovery_task *t);
/* Returns NULL when there is no memory. */
recovery_task *recovery_task_new(ws_socket *s, recovery_kind kind, recovery_answer answer, size_t budget);
void recovery_task_free(recovery_task *t);

#endif
