/* What a load reports: how long each answer took, what the load itself cost, and the gate between warm-up and run. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <sys/resource.h>

#include "wire.h"

struct latencies { uint32_t *ns; size_t count, room; };

static inline void latencies_add(struct latencies *all, uint64_t took_ns)
{
    if (all->count == all->room) {
        all->room = all->room ? 2 * all->room : 65536;
        all->ns = must(realloc(all->ns, all->room * sizeof *all->ns));
    }
    all->ns[all->count++] = took_ns < UINT32_MAX ? (uint32_t)took_ns : UINT32_MAX;
}

static inline int latencies_ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static inline double latencies_us(const struct latencies *all, double quantile)
{
    return all->count ? all->ns[(size_t)(quantile * (double)(all->count - 1))] / 1e3 : 0;
}

/* The CPU time of this process so far. */
static inline double own_cpu_seconds(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec)
           + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

/* Say that the warm-up is over, and wait for a line: meanwhile somebody reads the broker's CPU clock. */
static inline void wait_at_gate(void)
{
    puts("ready");
    fflush(stdout);
    if (getchar() == EOF)
        exit(1);
}

/* Print the line of JSON. */
static inline void report(const char *mode, uint64_t requests, uint64_t bytes, uint64_t took_ns, double cpu_seconds,
                          struct latencies *all)
{
    qsort(all->ns, all->count, sizeof *all->ns, latencies_ascending);
    printf("{\"mode\": \"%s\", \"requests\": %llu, \"bytes\": %llu, \"seconds\": %.6f, \"load_cpu_seconds\": %.6f, "
           "\"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f}\n",
           mode, (unsigned long long)requests, (unsigned long long)bytes, (double)took_ns / 1e9, cpu_seconds,
           latencies_us(all, 0.5), latencies_us(all, 0.99), latencies_us(all, 0.999), latencies_us(all, 1));
    fflush(stdout);
}

#endif
