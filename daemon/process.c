/* See process.h. */
#include "daemon/process.h"

#include "daemon/util.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define STAT_MAX 4096UL

/* Fields of proc(5) stat, counted behind the command's name. */
#define STAT_STARTTIME 20
#define STAT_RSS 22

static int64_t
count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    const struct dirent *entry;
    int64_t n = -1; /* the folder's own */

    if (dir == NULL) {
        return -1;
    }
    while ((entry = readdir(dir)) != NULL) { // NOLINT(concurrency-mt-unsafe): one thread
        n += entry->d_name[0] != '.';
    }
    (void)closedir(dir);
    return n;
}

/* The n-th number behind the name; -1: there is none. The name may hold blanks and parentheses. */
static double
stat_field(const char *stat, unsigned n)
{
    const char *p = strrchr(stat, ')');

    for (unsigned i = 0; p != NULL && i < n; i++) {
        p = strchr(p + 1, ' ');
    }
    return p != NULL ? strtod(p, NULL) : -1;
}

/* The clock ticks since boot at which the process began, as a time of day. */
static double
wall_of_ticks(double ticks)
{
    struct timespec wall;
    struct timespec since_boot;

    (void)clock_gettime(CLOCK_REALTIME, &wall);
    (void)clock_gettime(CLOCK_BOOTTIME, &since_boot);
    return (double)(wall.tv_sec - since_boot.tv_sec) + ticks / (double)sysconf(_SC_CLK_TCK);
}

static double
seconds_of(const struct timeval *tv)
{
    return (double)tv->tv_sec + (double)tv->tv_usec / 1e6;
}

void
process_read(struct process_facts *ret)
{
    CLEANUP(cleanup_free) char *stat = NULL;
    struct rusage usage;
    size_t len;

    *ret = (struct process_facts){-1, -1, -1, -1};
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        ret->cpu_seconds = seconds_of(&usage.ru_utime) + seconds_of(&usage.ru_stime);
    }
    ret->open_fds = count_fds();
    if (read_file("/proc/self/stat", STAT_MAX, &stat, &len) == 0) {
        double pages = stat_field(stat, STAT_RSS);
        double ticks = stat_field(stat, STAT_STARTTIME);

        ret->resident_bytes = pages < 0 ? -1 : (int64_t)pages * sysconf(_SC_PAGESIZE);
        ret->start_time_seconds = ticks < 0 ? -1 : wall_of_ticks(ticks);
    }
}
