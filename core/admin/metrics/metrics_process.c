/* The process: memory, processor time, files. */
#include "core/admin/metrics/metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static double resident_bytes(void)
{
    char line[128], *resident = NULL;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return 0;
    if (fgets(line, sizeof line, file))
        resident = strchr(line, ' '); /* the second number */
    fclose(file);
    return resident ? (double)strtol(resident, NULL, 10) * (double)sysconf(_SC_PAGESIZE) : 0;
}

/* Without the one that counting takes. */
static double open_files(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return 0;
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 3;
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

void metrics_process(buf *out, const runtime *rt)
{
    struct rusage used;
    struct rlimit files;
    metric_family(out, "info", "gauge", "The version that runs.");
    buf_printf(out, "steward_info{version=\"%s\"} 1\n", rt->version);
    metric_single(out, "uptime_seconds", "gauge", "Since the start.",
                  (double)(sw_monotonic_ms() - rt->started_ms) / 1000);
    metric_single(out, "process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
    if (getrusage(RUSAGE_SELF, &used) == 0)
        metric_single(out, "process_cpu_seconds_total", "counter", "Processor time.",
                      seconds(used.ru_utime) + seconds(used.ru_stime));
    metric_single(out, "process_open_fds", "gauge", "Open files.", open_files());
    if (getrlimit(RLIMIT_NOFILE, &files) == 0)
        metric_single(out, "process_max_fds", "gauge", "As many may be open.", (double)files.rlim_cur);
}
