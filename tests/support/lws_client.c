/* A client on libwebsockets: connects, sends one frame, prints every text frame it gets, one a line, until it has
 * printed COUNT. usage: lws_client HOST PORT PATH FRAME COUNT; exit 0 when all came. */
#include <libwebsockets.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *frame;
    int left;
    bool failed;
} session;

static int on_writable(struct lws *wsi, session *s)
{
    if (!s->frame)
        return 0;
    size_t len = strlen(s->frame);
    unsigned char *room = malloc(LWS_PRE + len);
    if (!room)
        return -1;
    memcpy(room + LWS_PRE, s->frame, len);
    int sent = lws_write(wsi, room + LWS_PRE, len, LWS_WRITE_TEXT);
    free(room);
    s->frame = NULL;
    return sent == (int)len ? 0 : -1;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    session *s = lws_context_user(lws_get_context(wsi));

    (void)user;
    switch (reason) {
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        lws_callback_on_writable(wsi);
        return 0;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return on_writable(wsi, s);
    case LWS_CALLBACK_CLIENT_RECEIVE:
        fwrite(in, 1, len, stdout);
        if (lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0) {
            putchar('\n');
            s->left--;
        }
        return s->left > 0 ? 0 : -1;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        fprintf(stderr, "refused: %.*s\n", (int)len, in ? (const char *)in : "");
        s->failed = true;
        return 0;
    case LWS_CALLBACK_CLIENT_CLOSED:
        s->failed = s->left > 0;
        return 0;
    default:
        return 0;
    }
}

int main(int argc, char **argv)
{
    if (argc != 6)
        return 2;
    session s = {.frame = argv[4], .left = (int)strtol(argv[5], NULL, 10)};
    const struct lws_protocols protocols[] = {{"steward", on_event, 0, 65536, 0, NULL, 0},
                                              {NULL, NULL, 0, 0, 0, NULL, 0}};
    struct lws_context_creation_info context_info = {
        .port = CONTEXT_PORT_NO_LISTEN, .protocols = protocols, .user = &s};

    lws_set_log_level(LLL_ERR, NULL);
    struct lws_context *context = lws_create_context(&context_info);
    if (!context)
        return 1;
    struct lws_client_connect_info connect_info = {
        .context = context,
        .address = argv[1],
        .port = (int)strtol(argv[2], NULL, 10),
        .path = argv[3],
        .host = argv[1],
        .local_protocol_name = "steward",
    };
    if (!lws_client_connect_via_info(&connect_info))
        s.failed = true;
    while (s.left > 0 && !s.failed && lws_service(context, 0) >= 0)
        ;
    lws_context_destroy(context);
    return s.left == 0 ? 0 : 1;
}
