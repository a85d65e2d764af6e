/* The configuration file, with a plugin's options and the environment: any text gives values or messages, never both
 * halves of neither. */
#include "core/config/config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const sw_option CHAT[] = {
    {.name = "keep", .type = SW_OPTION_DURATION, .default_value = "30d", .min = 1, .max = INT64_MAX, .summary = "x"},
    {.name = "who", .type = SW_OPTION_LIST, .default_value = "a, b", .summary = "x"},
    {.name = "how", .type = SW_OPTION_ENUM, .default_value = "one", .choices = "one|two|three", .summary = "x"},
};

static bool known(void *arg, const char *plugin)
{
    (void)arg;
    return strcmp(plugin, "chat") == 0;
}

static void check_value(void *arg, const char *section, const sw_option *o, const char *value)
{
    (void)arg;
    (void)section;
    if (value == NULL || o->name == NULL)
        abort();
}

static void run(const char *file, char **environment)
{
    config *c = config_new();
    if (c == NULL)
        return;
    bool good = config_load(c, file, environment);
    good = config_declare(c, "chat", CHAT, sizeof CHAT[0], sizeof CHAT / sizeof CHAT[0]) && good;
    good = config_finish(c, known, NULL) && good;
    if (good != (config_errors(c)[0] == '\0'))
        abort();
    config_each(c, check_value, NULL);
    (void)config_plugin_required(c, "gone");
    config_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char file[64];
    int fd = memfd_create("config", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(file, sizeof file, "/proc/self/fd/%d", fd);
    /* The same text again as the value of two variables. */
    char *variable = malloc(size + 32), *other = malloc(size + 32);
    int at = snprintf(variable, 32, "SERVER_PORT="), at_other = snprintf(other, 32, "STEWARD_");
    if (size > 0) {
        memcpy(variable + at, data, size);
        memcpy(other + at_other, data, size);
    }
    variable[(size_t)at + size] = '\0';
    other[(size_t)at_other + size] = '\0';
    char *environment[] = {variable, other, NULL};
    run(file, NULL);
    run(file, environment);
    free(variable);
    free(other);
    close(fd);
    return 0;
}
