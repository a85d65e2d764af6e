/* libcurl, loaded with the first request to another machine: it brings 26 libraries along, which cost a start 4 ms and
 * the process 5 MiB, and most servers never ask for anything. Its functions keep their names. */
#ifndef CORE_OUTBOUND_LIBCURL_H
#define CORE_OUTBOUND_LIBCURL_H

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <stdbool.h>

/* Any thread. false: it is not there, or too old; `error` says which (once for all callers). */
bool libcurl_open(const char **ret_error);

/* Valid after libcurl_open() said yes. */
extern struct libcurl {
    __typeof__(&curl_global_init) global_init;
    __typeof__(&curl_easy_init) easy_init;
    __typeof__(&curl_easy_cleanup) easy_cleanup;
    __typeof__(&(curl_easy_setopt)) easy_setopt;
    __typeof__(&(curl_easy_getinfo)) easy_getinfo;
    __typeof__(&curl_easy_strerror) easy_strerror;
    __typeof__(&curl_multi_init) multi_init;
    __typeof__(&curl_multi_cleanup) multi_cleanup;
    __typeof__(&curl_multi_add_handle) multi_add_handle;
    __typeof__(&curl_multi_remove_handle) multi_remove_handle;
    __typeof__(&curl_multi_perform) multi_perform;
    __typeof__(&curl_multi_poll) multi_poll;
    __typeof__(&curl_multi_wakeup) multi_wakeup;
    __typeof__(&curl_multi_info_read) multi_info_read;
    __typeof__(&curl_slist_append) slist_append;
    __typeof__(&curl_slist_free_all) slist_free_all;
} libcurl;

#undef curl_easy_setopt
#undef curl_easy_getinfo
#define curl_global_init         libcurl.global_init
#define curl_easy_init           libcurl.easy_init
#define curl_easy_cleanup        libcurl.easy_cleanup
#define curl_easy_setopt         libcurl.easy_setopt
#define curl_easy_getinfo        libcurl.easy_getinfo
#define curl_easy_strerror       libcurl.easy_strerror
#define curl_multi_init          libcurl.multi_init
#define curl_multi_cleanup       libcurl.multi_cleanup
#define curl_multi_add_handle    libcurl.multi_add_handle
#define curl_multi_remove_handle libcurl.multi_remove_handle
#define curl_multi_perform       libcurl.multi_perform
#define curl_multi_poll          libcurl.multi_poll
#define curl_multi_wakeup        libcurl.multi_wakeup
#define curl_multi_info_read     libcurl.multi_info_read
#define curl_slist_append        libcurl.slist_append
#define curl_slist_free_all      libcurl.slist_free_all

#endif
