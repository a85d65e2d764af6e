#include "core/admin/metrics/metrics.h"

void metric_family(buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP steward_%s %s\n# TYPE steward_%s %s\n", name, help, name, type);
}

void metric_single(buf *out, const char *name, const char *type, const char *help, double value)
{
    metric_family(out, name, type, help);
    buf_printf(out, "steward_%s %.17g\n", name, value);
}

void metric_label(buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n')
            buf_add_text(out, "\\n");
        else if (*text == '"' || *text == '\\')
            buf_printf(out, "\\%c", *text);
        else
            buf_add(out, text, 1);
    }
}
