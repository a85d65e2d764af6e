/* What an answer means, and when to come again. */
#include "webhook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_AFTER_MAX_S = 24 * 3600 };

bool retry_is_success(int status)
{
    return status >= 200 && status < 300;
}

/* No answer and 5xx pass; so do "come later" answers. Any other 3xx or 4xx will be the same next time. */
bool retry_is_final(int status)
{
    return status >= 300 && status < 500 && status != 408 && status != 429;
}

/* Days from 1970-01-01, for dates of the Gregorian calendar: years are counted from March, so that a leap day is last.
 */
static int64_t days_since_1970(int64_t year, int64_t month, int64_t day)
{
    int64_t years = month > 2 ? year : year - 1, months = (month + 9) % 12;

    return 365 * years + years / 4 - years / 100 + years / 400 + (153 * months + 2) / 5 + day - 1 - 719468;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" as Unix seconds; 0: no such date. */
static int64_t read_http_date(const char *text)
{
    static const char MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int day, year, hour, minute, second;
    char month[4];

    if (sscanf(text, "%*3s, %2d %3s %4d %2d:%2d:%2d GMT", &day, month, &year, &hour, &minute, &second) != 6)
        return 0;
    const char *at = strstr(MONTHS, month);
    if (!at || strlen(month) != 3 || (at - MONTHS) % 3 != 0)
        return 0;
    return days_since_1970(year, (at - MONTHS) / 3 + 1, day) * 86400 + hour * 3600 + minute * 60 + second;
}

/* Retry-After: seconds, or a date. 0: none. */
static int64_t retry_after_s(const sw_http_answer *answer)
{
    char text[64], *end;

    sw_http_header(answer, "Retry-After", text, sizeof text);
    long long seconds = strtoll(text, &end, 10);
    if (end == text || *end)
        seconds = read_http_date(text) - sw_now_ms() / 1000;
    if (seconds < 0)
        return 0;
    return seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S;
}

/* Twice as long each time, up to backoff_max; then a random part of the second half is taken off, so that many servers
 * that lost the same receiver do not come back at the same moment. */
static int64_t backoff_ms(const sw_host *host, int64_t attempts)
{
    int64_t delay = sw_option_int(host, "backoff"), max = sw_option_int(host, "backoff_max");
    uint32_t chance = 0;

    while (--attempts > 0 && delay < max)
        delay *= 2;
    if (delay > max)
        delay = max;
    if (sw_random(&chance, sizeof chance) != SW_OK)
        chance = UINT32_MAX / 2;
    return delay - (delay / 2) * (int64_t)chance / UINT32_MAX;
}

int64_t retry_delay_ms(const sw_host *host, int64_t attempts, const sw_http_answer *answer)
{
    int64_t own = backoff_ms(host, attempts), asked = answer->status ? retry_after_s(answer) * 1000 : 0;

    return own > asked ? own : asked;
}
