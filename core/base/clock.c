/* The clock that only goes forward, and times as texts (RFC 3339). Any thread. */
#include <steward/host.h>
#include <string.h>
#include <time.h>

enum { DAY_MS = 86400000 };
static const int64_t FIRST_MS = -62167219200000; /* 0000-01-01T00:00:00.000Z */
static const int64_t LAST_MS = 253402300799999;  /* 9999-12-31T23:59:59.999Z */

int64_t sw_monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The two digits of a number below 100. */
static void two_digits(char *out, uint32_t value)
{
    static const char PAIRS[] =
        "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445"
        "46474849505152535455565758596061626364656667686970717273747576777879808182838485868788899091"
        "9293949596979899";
    memcpy(out, PAIRS + (size_t)2 * value, 2);
}

/* Calendar arithmetic counts days from 0000-03-01: so the leap day is the last one of its year, and the months
 * from March on have 31, 30, 31, 30, 31 days in turn, which (153 * m + 2) / 5 sums up. */
enum { DAYS_TO_1970 = 719468, DAYS_400_YEARS = 146097 };

/* `unix_ms` outside of the years 0 to 9999 is brought to their ends: the text has room for no other. */
void sw_time_format(int64_t unix_ms, char out[25])
{
    unix_ms = unix_ms < FIRST_MS ? FIRST_MS : unix_ms > LAST_MS ? LAST_MS : unix_ms;
    /* 800 years on, so that no number below is negative. */
    uint64_t ms = (uint64_t)(unix_ms + (int64_t)(DAYS_TO_1970 + 2 * DAYS_400_YEARS) * DAY_MS);
    uint32_t day = (uint32_t)(ms / DAY_MS), rest = (uint32_t)(ms % DAY_MS);
    uint32_t era = day / DAYS_400_YEARS, of_era = day % DAYS_400_YEARS;
    uint32_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint32_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t march_month = (5 * of_year + 2) / 153;
    uint32_t month = march_month < 10 ? march_month + 3 : march_month - 9;
    uint32_t year = era * 400 + year_of_era + (month <= 2) - 800;
    uint32_t seconds = rest / 1000;

    memcpy(out, "0000-00-00T00:00:00.000Z", 25);
    two_digits(out, year / 100);
    two_digits(out + 2, year % 100);
    two_digits(out + 5, month);
    two_digits(out + 8, of_year - (153 * march_month + 2) / 5 + 1);
    two_digits(out + 11, seconds / 3600);
    two_digits(out + 14, seconds / 60 % 60);
    two_digits(out + 17, seconds % 60);
    two_digits(out + 20, rest % 1000 / 10);
    out[22] = (char)('0' + rest % 10);
}

/* ---- reading: what is left of the text, taken from its front ---- */

static bool at_digit(const sw_str *in)
{
    return in->len > 0 && in->at[0] >= '0' && in->at[0] <= '9';
}

static int take_digit(sw_str *in)
{
    in->len--;
    return *in->at++ - '0';
}

/* Exactly `width` digits; moves on behind them. */
static bool take_number(sw_str *in, int width, int *ret)
{
    int value = 0;
    for (int i = 0; i < width; i++) {
        if (!at_digit(in))
            return false;
        value = value * 10 + take_digit(in);
    }
    *ret = value;
    return true;
}

static bool take_char(sw_str *in, char a, char b)
{
    if (in->len == 0 || (*in->at != a && *in->at != b))
        return false;
    in->at++;
    in->len--;
    return true;
}

static int days_in_month(int year, int month)
{
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : DAYS[month - 1];
}

static int64_t days_since_1970(int year, int month, int day)
{
    int64_t y = year - (month <= 2) + 400;
    int march_month = month > 2 ? month - 3 : month + 9;
    return y * 365 + y / 4 - y / 100 + y / 400 + (153 * march_month + 2) / 5 + day - 1 - DAYS_400_YEARS - DAYS_TO_1970;
}

/* "Z", "+08:00": minutes to take off. */
static bool take_offset(sw_str *in, int *ret_minutes)
{
    if (take_char(in, 'Z', 'z')) {
        *ret_minutes = 0;
        return true;
    }
    int hours, minutes, sign = in->len > 0 && in->at[0] == '-' ? -1 : 1;
    if (!take_char(in, '+', '-') || !take_number(in, 2, &hours) || !take_char(in, ':', ':') ||
        !take_number(in, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *ret_minutes = sign * (hours * 60 + minutes);
    return true;
}

/* ".123999": what is finer than a millisecond is cut. None: 0. */
static bool take_fraction(sw_str *in, int *ret_ms)
{
    *ret_ms = 0;
    if (!take_char(in, '.', '.'))
        return true;
    if (!at_digit(in))
        return false;
    for (int scale = 100; at_digit(in); scale /= 10)
        *ret_ms += scale * take_digit(in);
    return true;
}

bool sw_time_parse(const char *text, size_t len, int64_t *ret_ms)
{
    sw_str in = {text, len};
    int year, month, day, hour, minute, second, ms, offset;
    if (!take_number(&in, 4, &year) || !take_char(&in, '-', '-') || !take_number(&in, 2, &month) ||
        !take_char(&in, '-', '-') || !take_number(&in, 2, &day) || !take_char(&in, 'T', 't') ||
        !take_number(&in, 2, &hour) || !take_char(&in, ':', ':') || !take_number(&in, 2, &minute) ||
        !take_char(&in, ':', ':') || !take_number(&in, 2, &second))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour > 23 || minute > 59 ||
        second > 60)
        return false;
    if (!take_fraction(&in, &ms) || !take_offset(&in, &offset) || in.len > 0)
        return false;
    *ret_ms =
        days_since_1970(year, month, day) * DAY_MS + ((hour * 60 + minute - offset) * INT64_C(60) + second) * 1000 + ms;
    return true;
}
