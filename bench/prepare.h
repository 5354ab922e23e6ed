/* Getting a broker ready for a load: one blocking request after the other, and whatever is refused ends the program.
 *
 * Exit status 3 says that the broker does not offer what the load needs, which is no fault; 1 is any other trouble.
 */
#ifndef BENCH_PREPARE_H
#define BENCH_PREPARE_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "frames.h"

enum { PATIENCE_SECONDS = 120, CANNOT = 3 };

struct broker { const char *host; uint16_t port; };

static inline uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

_Noreturn static inline void refuse(const char *what, int error)
{
    fprintf(stderr, "load: error %d from the broker in answer to %s\n", error, what);
    exit(1);
}

static inline void allow_many_files(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static inline int dial(struct broker broker)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(broker.port) };
    struct timeval patience = { .tv_sec = PATIENCE_SECONDS };
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (inet_pton(AF_INET, broker.host, &address.sin_addr) != 1) {
        errno = 0;
        fail("load: --host takes an IPv4 address");
    }
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address))
        fail("load: connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

/* Send the frame in `w`, wait for its answer and return a reader behind the answer's header. */
static inline struct reader ask(int fd, struct inbox *in, struct writer *w, bool tags_in_header)
{
    struct reader r = { .flexible = w->flexible };
    size_t size;
    uint8_t *frame;

    end_request_at(w, 0);
    if (send(fd, w->bytes, w->used, MSG_NOSIGNAL) != (ssize_t)w->used)
        fail("load: send");
    while (!inbox_next(in, &frame, &size)) {
        errno = 0;
        if (inbox_receive(in, fd) <= 0)
            fail("load: no answer from the broker");
    }
    r.at = frame;
    r.end = frame + size;
    take32(&r); /* correlation_id */
    if (tags_in_header)
        take_tags(&r);
    return r;
}

static inline void check_versions(int fd, struct inbox *in, bool idempotent)
{
    const struct { enum api key; int16_t version; } needed[] = {
        { PRODUCE, PRODUCE_VERSION }, { FETCH, FETCH_VERSION }, { LIST_OFFSETS, LIST_OFFSETS_VERSION },
        { CREATE_TOPICS, CREATE_TOPICS_VERSION }, { INIT_PRODUCER_ID, INIT_PRODUCER_ID_VERSION },
    };
    enum { NEEDED = sizeof needed / sizeof *needed };
    bool found[NEEDED] = { [NEEDED - 1] = !idempotent };
    struct writer w = { 0 };
    struct reader r;
    int error;

    start_request(&w, API_VERSIONS, API_VERSIONS_VERSION, true);
    put_string(&w, text_of("load"));
    put_string(&w, text_of("1"));
    put_tags(&w);
    r = ask(fd, in, &w, false);
    if ((error = take16(&r)))
        refuse("ApiVersions", error);
    for (int64_t left = take_length(&r); left > 0 && !r.bad; left--) {
        int16_t key = take16(&r), oldest = take16(&r), newest = take16(&r);
        take_tags(&r);
        for (int i = 0; i < NEEDED; i++)
            if ((int16_t)needed[i].key == key && oldest <= needed[i].version && needed[i].version <= newest)
                found[i] = true;
    }
    for (int i = 0; i < NEEDED; i++)
        if (!found[i]) {
            fprintf(stderr, "load: the broker does not offer version %d of API %d\n", needed[i].version,
                    needed[i].key);
            exit(CANNOT);
        }
    free(w.bytes);
}

static inline void create_topic(int fd, struct inbox *in, struct text topic, int partitions)
{
    struct writer w = { 0 };
    struct reader r;
    int error;

    start_request(&w, CREATE_TOPICS, CREATE_TOPICS_VERSION, true);
    put_length(&w, 1);
    put_string(&w, topic);
    put32(&w, partitions);
    put16(&w, 1);
    put_length(&w, 0); /* assignments */
    put_length(&w, 0); /* configs */
    put_tags(&w);
    put32(&w, PATIENCE_SECONDS * 1000);
    put8(&w, 0); /* validate_only */
    put_tags(&w);
    r = ask(fd, in, &w, true);
    take32(&r); /* throttle_time_ms */
    if (take_length(&r) != 1)
        refuse("CreateTopics (not one topic)", 0);
    take_string(&r);
    error = take16(&r);
    if (r.bad || (error && error != TOPIC_ALREADY_EXISTS))
        refuse("CreateTopics", error);
    free(w.bytes);
}

/* Whether the broker leads every partition. Its metadata may say so a little before it knows. */
static inline bool topic_is_ready(int fd, struct inbox *in, struct text topic, int partitions)
{
    struct writer w = { 0 };
    int ready = 0;
    struct reader r;

    start_request(&w, LIST_OFFSETS, LIST_OFFSETS_VERSION, true);
    put32(&w, -1); /* replica_id */
    put8(&w, 0);   /* isolation_level */
    put_length(&w, 1);
    put_string(&w, topic);
    put_length(&w, partitions);
    for (int32_t i = 0; i < partitions; i++) {
        put32(&w, i);
        put32(&w, -1); /* current_leader_epoch */
        put64(&w, -1); /* timestamp: the latest */
        put_tags(&w);
    }
    put_tags(&w);
    put_tags(&w);
    r = ask(fd, in, &w, true);
    take32(&r); /* throttle_time_ms */
    if (take_length(&r) != 1)
        refuse("ListOffsets (not one topic)", 0);
    take_string(&r);
    for (int64_t left = take_length(&r); left > 0 && !r.bad; left--) {
        take32(&r);
        ready += take16(&r) == NONE;
        take(&r, 8 + 8 + 4); /* timestamp, offset, leader_epoch */
        take_tags(&r);
    }
    free(w.bytes);
    return !r.bad && ready == partitions;
}

/* Make sure that the broker speaks what the load does, and that it leads all of the topic's partitions. */
static inline void prepare_broker(int fd, struct text topic, int partitions, bool idempotent)
{
    uint64_t patient_until = now_ns() + PATIENCE_SECONDS * 1000000000ull;
    struct inbox in = { 0 };

    check_versions(fd, &in, idempotent);
    create_topic(fd, &in, topic, partitions);
    while (!topic_is_ready(fd, &in, topic, partitions)) {
        errno = 0;
        if (now_ns() > patient_until)
            fail("load: the topic has no leaders");
        usleep(10000);
    }
    free(in.bytes);
}

static inline int64_t new_producer_id(int fd)
{
    struct inbox in = { 0 };
    struct writer w = { 0 };
    struct reader r;
    int64_t id;

    for (int error = -1, tries = 0; error; tries++) {
        start_request(&w, INIT_PRODUCER_ID, INIT_PRODUCER_ID_VERSION, true);
        put_string(&w, (struct text){ NULL, -1 }); /* transactional_id */
        put32(&w, 60000);
        put_tags(&w);
        r = ask(fd, &in, &w, true);
        take32(&r); /* throttle_time_ms */
        error = take16(&r);
        id = take64(&r);
        if (error && tries == 500) /* a broker that has just started may have none ready */
            refuse("InitProducerId", error);
        if (error)
            usleep(10000);
    }
    free(in.bytes);
    free(w.bytes);
    return id;
}

#endif
