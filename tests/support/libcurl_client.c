/* A client on libcurl and jansson: logs in, stores a message, reads it back on one kept connection.
 * usage: libcurl_client URL USER PASSWORD TEXT; prints the stored id; exit 0 only when all of it held. */
#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    char *at;
    size_t len;
} body;

static size_t collect(char *bytes, size_t size, size_t count, void *arg)
{
    body *b = arg;
    char *grown = realloc(b->at, b->len + size * count + 1);

    if (!grown)
        return 0;
    b->at = grown;
    memcpy(b->at + b->len, bytes, size * count);
    b->len += size * count;
    b->at[b->len] = '\0';
    return size * count;
}

/* One exchange; the parsed answer, or NULL with a line on stderr when the status is not `expected`. */
static json_t *exchange(CURL *curl, const char *url, const char *path, const char *token, const char *post,
                        long expected)
{
    char full[512], authorization[2048];
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    body answer = {0};
    long status = 0;
    json_t *parsed = NULL;

    snprintf(full, sizeof full, "%s%s", url, path);
    if (token) {
        snprintf(authorization, sizeof authorization, "Authorization: Bearer %s", token);
        headers = curl_slist_append(headers, authorization);
    }
    curl_easy_setopt(curl, CURLOPT_URL, full);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    if (post)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, post);
    else
        curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    CURLcode done = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    if (done == CURLE_OK && status == expected && answer.at)
        parsed = json_loads(answer.at, 0, NULL);
    if (!parsed)
        fprintf(stderr, "%s: curl %d, status %ld: %s\n", path, (int)done, status, answer.at ? answer.at : "");
    free(answer.at);
    return parsed;
}

static int talk(CURL *curl, char **argv)
{
    json_t *credentials = json_pack("{s:s, s:s}", "username", argv[2], "password", argv[3]);
    json_t *message = json_pack("{s:s, s:s, s:s}", "agent_id", "libcurl", "level", "info", "content", argv[4]);
    char *login = json_dumps(credentials, 0), *post = json_dumps(message, 0);
    json_t *session = exchange(curl, argv[1], "/api/auth/login", NULL, login, 200);
    const char *token = json_string_value(json_object_get(session, "token"));
    json_t *stored = token ? exchange(curl, argv[1], "/api/messages", token, post, 201) : NULL;
    json_t *found = stored ? exchange(curl, argv[1], "/api/messages?agent_id=libcurl&limit=1", token, NULL, 200) : NULL;
    json_int_t id = json_integer_value(json_object_get(stored, "id"));
    json_t *first = json_array_get(found, 0);
    const char *content = json_string_value(json_object_get(first, "content"));
    int ok =
        id > 0 && json_integer_value(json_object_get(first, "id")) == id && content && strcmp(content, argv[4]) == 0;

    if (ok)
        printf("%lld\n", (long long)id);
    json_decref(found);
    json_decref(stored);
    json_decref(session);
    json_decref(message);
    json_decref(credentials);
    free(login);
    free(post);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURL *curl = curl_easy_init();
    int code = curl ? talk(curl, argv) : EXIT_FAILURE;
    curl_easy_cleanup(curl);
    curl_global_cleanup();
    return code;
}
