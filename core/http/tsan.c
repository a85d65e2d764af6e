/* What ThreadSanitizer need not report. */
#if defined(__SANITIZE_THREAD__)
__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void);

/* libevent's changelist takes a closed descriptor out of epoll one turn after close(), when another loop may have got its
 * number from accept4() already. That epoll_ctl finds nothing in its own epoll set (ENOENT) and changes nothing. */
const char *__tsan_default_suppressions(void)
{
    return "race:evutil_accept4_\n";
}
#else
extern int http_tsan_has_nothing_to_say;
#endif
