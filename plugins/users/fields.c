/* Reads and checks the body fields that more than one route has. Errors are sticky: call sw_check() after the last
 * field. On a worker; the texts belong to the request. */
#include "users.h"

#include <string.h>

static bool letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool username_valid(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len > USERS_NAME_MAX)
        return false;
    for (const char *p = name; *p; p++)
        if (!letter_or_digit(*p) && !strchr("_.-", *p))
            return false;
    return true;
}

const char *field_username(sw_request *req)
{
    const char *name = sw_body_text(req, "username", 1, USERS_NAME_MAX);

    if (*name && !username_valid(name))
        sw_invalid(req, "invalid_parameter", "username may hold only letters, digits, '_', '.' and '-'");
    return name;
}

/* The text without the white space at both ends. */
static const char *trimmed(sw_request *req, const char *text)
{
    size_t len;

    text += strspn(text, " \t\r\n");
    len = strlen(text);
    while (len > 0 && strchr(" \t\r\n", text[len - 1]))
        len--;
    const char *copy = sw_strndup(req, text, len);
    return copy ? copy : "";
}

/* Tells whether the UTF-8 text holds a control character. These are C0, DEL, C1, and the characters that turn or hide
 * text (line separators, marks of direction, the byte order mark), with which one name could be made to look like
 * another. */
static bool has_control(const char *text)
{
    for (const unsigned char *s = (const unsigned char *)text; *s; s++) {
        if (*s < 0x20 || *s == 0x7F)
            return true;
        if (*s == 0xC2 && s[1] < 0xA0)
            return true;
        if (*s == 0xE2 && s[1] == 0x80 && ((s[2] >= 0x8E && s[2] <= 0x8F) || (s[2] >= 0xA8 && s[2] <= 0xAE)))
            return true;
        if (*s == 0xE2 && s[1] == 0x81 && s[2] >= 0xA6 && s[2] <= 0xA9)
            return true;
        if (*s == 0xEF && s[1] == 0xBB && s[2] == 0xBF)
            return true;
    }
    return false;
}

const char *field_agent_name(sw_request *req)
{
    const char *raw = sw_body_text(req, "username", 1, USERS_NAME_MAX);
    const char *name = trimmed(req, raw);

    if (*raw && !*name)
        sw_invalid(req, "missing_field", "username is required");
    if (has_control(raw))
        sw_invalid(req, "invalid_parameter", "username must not hold control characters");
    return name;
}

bool by_bcrypt(const sw_host *host)
{
    const char *method = sw_option_core(host, "auth.password_method");
    return method && strcmp(method, "bcrypt") == 0;
}

const char *field_password(sw_request *req)
{
    size_t max = by_bcrypt(sw_request_host(req)) ? USERS_BCRYPT_MAX : USERS_PASSWORD_MAX;

    return sw_body_text(req, "password", USERS_PASSWORD_MIN, max);
}

const char *password_fault(const sw_host *host, const char *password)
{
    size_t len = strlen(password);

    if (len == 0)
        return "password is required";
    if (len < USERS_PASSWORD_MIN)
        return "password must be at least 8 bytes";
    if (by_bcrypt(host) && len > USERS_BCRYPT_MAX)
        return "password must be at most 72 bytes";
    return len > USERS_PASSWORD_MAX ? "password must be at most 128 bytes" : NULL;
}

sw_role field_human_role(sw_request *req, sw_role fallback)
{
    const char *name = sw_body_text_or(req, "role", 64, "");
    sw_role role = *name ? sw_role_of(name) : fallback;

    if (*name && role != SW_ROLE_ADMIN && role != SW_ROLE_MEMBER)
        sw_invalid(req, "invalid_parameter", "role must be ADMIN or MEMBER");
    return role;
}

const char *field_kind(sw_request *req, const char *name, const char *fallback)
{
    const char *text = trimmed(req, sw_body_text_or(req, name, USERS_KIND_MAX, ""));

    if (!*text)
        return fallback;
    if (has_control(text))
        sw_invalid(req, "invalid_parameter", "%s must not hold control characters", name);
    char *lower = sw_strdup(req, text);
    for (char *p = lower; p && *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    return lower ? lower : fallback;
}

const char *field_description(sw_request *req)
{
    return sw_body_text_or(req, "description", USERS_DESCRIPTION_MAX, NULL);
}

const char *field_api_token(sw_request *req, bool empty_is_absent)
{
    const char *token = sw_body_text_or(req, "api_token", USERS_TOKEN_MAX, NULL);

    if (!token || (!*token && empty_is_absent))
        return NULL;
    if (!*token)
        sw_invalid(req, "missing_field", "api_token is required");
    if (strlen(token) < USERS_TOKEN_MIN)
        sw_invalid(req, "invalid_parameter", "api_token must be at least %d bytes", USERS_TOKEN_MIN);
    for (const char *p = token; *p; p++)
        if (*p <= ' ' || *p > '~') {
            sw_invalid(req, "invalid_parameter", "api_token must be visible ASCII");
            break;
        }
    return token;
}
