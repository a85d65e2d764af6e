/* Finds libcurl's functions, see libcurl.h. Once for the process, on whichever thread asks first. */
#include "core/outbound/libcurl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>

struct libcurl libcurl;

/* The interface of every release since 2006. */
static const char LIBRARY[] = "libcurl.so.4";

static const struct {
    const char *name;
    size_t at;
} FUNCTIONS[] = {
    {"curl_global_init", offsetof(struct libcurl, global_init)},
    {"curl_easy_init", offsetof(struct libcurl, easy_init)},
    {"curl_easy_cleanup", offsetof(struct libcurl, easy_cleanup)},
    {"curl_easy_setopt", offsetof(struct libcurl, easy_setopt)},
    {"curl_easy_getinfo", offsetof(struct libcurl, easy_getinfo)},
    {"curl_easy_strerror", offsetof(struct libcurl, easy_strerror)},
    {"curl_multi_init", offsetof(struct libcurl, multi_init)},
    {"curl_multi_cleanup", offsetof(struct libcurl, multi_cleanup)},
    {"curl_multi_add_handle", offsetof(struct libcurl, multi_add_handle)},
    {"curl_multi_remove_handle", offsetof(struct libcurl, multi_remove_handle)},
    {"curl_multi_perform", offsetof(struct libcurl, multi_perform)},
    {"curl_multi_poll", offsetof(struct libcurl, multi_poll)},
    {"curl_multi_wakeup", offsetof(struct libcurl, multi_wakeup)},
    {"curl_multi_info_read", offsetof(struct libcurl, multi_info_read)},
    {"curl_slist_append", offsetof(struct libcurl, slist_append)},
    {"curl_slist_free_all", offsetof(struct libcurl, slist_free_all)},
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *why; /* NULL when all is well */

static void load(void)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    why = library ? NULL : "libcurl.so.4 cannot be loaded";
    for (size_t i = 0; !why && i < sizeof FUNCTIONS / sizeof FUNCTIONS[0]; i++) {
        void *found = dlsym(library, FUNCTIONS[i].name);
        *(void **)(void *)((char *)&libcurl + FUNCTIONS[i].at) = found;
        if (!found)
            why = "libcurl.so.4 is too old";
    }
    if (!why && libcurl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        why = "libcurl.so.4 cannot be initialised";
}

bool libcurl_open(const char **ret_error)
{
    pthread_once(&once, load);
    *ret_error = why;
    return !why;
}
