/* local_time.c - times as people read them. */
#include "admin/output/local_time.h"

#include <stdio.h>
#include <time.h>

void local_time_span(int64_t ms, char out[LOCAL_TIME_MAX])
{
    long long s = ms / 1000, m = s / 60, h = m / 60, d = h / 24;

    if (ms <= 0)
        snprintf(out, LOCAL_TIME_MAX, "0s");
    else if (ms < 100)
        snprintf(out, LOCAL_TIME_MAX, "%dms", (int)ms);
    else if (ms < 1000)
        snprintf(out, LOCAL_TIME_MAX, "0.%ds", (int)(ms / 100));
    else if (m == 0)
        snprintf(out, LOCAL_TIME_MAX, "%llds", s);
    else if (h == 0)
        snprintf(out, LOCAL_TIME_MAX, s % 60 != 0 ? "%lldm%02llds" : "%lldm", m, s % 60);
    else if (d == 0)
        snprintf(out, LOCAL_TIME_MAX, m % 60 != 0 ? "%lldh%02lldm" : "%lldh", h, m % 60);
    else
        snprintf(out, LOCAL_TIME_MAX, h % 24 != 0 ? "%lldd%02lldh" : "%lldd", d, h % 24);
}

void local_time_date(int64_t wall_ms, char out[LOCAL_TIME_MAX])
{
    time_t at = (time_t)(wall_ms / 1000);
    struct tm tm;

    if (localtime_r(&at, &tm) == NULL ||
        strftime(out, LOCAL_TIME_MAX, "%Y-%m-%d %H:%M:%S", &tm) == 0)
        snprintf(out, LOCAL_TIME_MAX, "%lld", (long long)wall_ms);
}
