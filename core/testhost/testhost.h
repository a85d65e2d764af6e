/* The inside of <steward/testhost.h>. All on the test's one thread, but where another is named. */
#ifndef CORE_TESTHOST_TESTHOST_H
#define CORE_TESTHOST_TESTHOST_H

#include "core/common/buf.h"
#include "core/runtime/pool.h"
#include "core/server/server.h"
#include <steward/service/auth.h>
#include <steward/testhost.h>

enum { HOST_ERROR_MAX = 768, HOST_PLUGINS_MAX = 32, HOST_OPTIONS_MAX = 128, CALL_TIMEOUT_MS = 10000 };

/* A list that one thread adds to while another reads: nodes are never moved, and freed at the end. */
typedef struct record {
    _Atomic(struct record *) next;
    const char *name; /* owned with the record; an event's */
    void *data;       /* an event_copy, or an outbound_record */
} record;

typedef struct {
    record *_Atomic first;
    record *last; /* the adding thread's */
} record_list;

typedef struct {
    const char *name, *value;
} option_pair;

struct sw_test {
    server s;       /* first: rt->publish finds the host so */
    bool made;      /* server_close() is owed */
    bool running;   /* it answers */
    bool own_users; /* its own module turns the test's users into principals */
    arena memory;   /* what is handed out */
    char error[HOST_ERROR_MAX];
    char *log; /* of the latest sw_test_log() */

    /* What it is made from, for a restart. */
    const sw_plugin *linked[HOST_PLUGINS_MAX + 2]; /* the test's, then the host's own, NULL */
    option_pair options[HOST_OPTIONS_MAX];
    unsigned option_count;
    char *enabled;        /* plugins.enabled */
    char *environment[1]; /* none */
    char folder[PATH_MAX - 64], config_file[PATH_MAX];
    int folder_fd;

    /* The network's place. */
    outbound_stub stub;
    sw_test_outbound answer;
    void *answer_arg;
    pool outbound;
    _Atomic uint32_t outbound_open;
    _Atomic uint64_t outbound_total;
    record_list calls;

    record_list events; /* the writer adds */
    sw_test_socket *sockets;
    sw_test_asked *asked; /* every one, the latest first */
};

/* testhost_open.c: a connection to the host's socket, or -1 and errno. */
int folder_connect(const sw_test *t);

/* testhost_users.c: the host's own module, that knows the test's users, and publishes. */
extern const sw_plugin HOST_MODULE, HOST_MODULE_WITH_USERS;
enum { TOKEN_TEXT = 256 };
/* The token of that user. false: it has no good name, id or role. */
bool user_token(const sw_test_user *who, char out[TOKEN_TEXT]);

/* testhost_message.c: what came from the server as a reply in the host's memory. NULL when there is none left. */
sw_test_reply *reply_new(sw_test *t, int status, const char *body, size_t len, const char *headers, size_t headers_len);
/* Adds what comes to `b`; false: the end, or nothing until `until_ms` (monotonic). */
bool fd_receive(int fd, buf *b, int64_t until_ms);

/* ---- testhost_record.c ---- */

/* The text of sw_test_error(); always false. */
bool host_fail(sw_test *t, const char *format, ...) SW_PRINTF(2, 3);
/* rt->publish: keeps what is committed, and goes on to the subscribers. On the writer. */
sw_status record_publish(sw_tx *tx, const char *event, const void *data, size_t len);
/* The network's place. false: host_fail(). */
bool stub_open(sw_test *t);
void stub_close(sw_test *t);
/* What was kept of events and outbound calls. */
void records_free(sw_test *t);

/* testhost_call.c: the connections of what was begun and not finished. */
void asked_close(sw_test *t);

/* testhost_ws.c */
void sockets_free(sw_test *t);

#endif
