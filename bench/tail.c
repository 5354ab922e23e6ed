/* The tail: one producer and some consumers that wait for its next message; prints one line of JSON.
 *
 *     tail --port P [--host 127.0.0.1] [--topic bench] [--partitions 1] [--consumers 1] [--session] [--batch-bytes 100]
 *          [--requests 10000] [--seconds S] [--warmup 0] [--warmup-seconds S] [--gate]
 *
 * Every consumer has a Fetch of all partitions at the broker, which waits at their ends (long poll). The producer sends
 * one batch, always to the first partition; when its own answer and that of every consumer are there, the next one.
 * A latency is from the sending of the batch to its arrival at one consumer. With --session the consumers name all
 * partitions once, and then only those whose position has moved (KIP-227); without it, all of them every time.
 *
 * --requests counts messages, of which each reaches all consumers. Otherwise as load.c.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <sys/epoll.h>

#include "measure.h"
#include "prepare.h"

enum { MAX_WAIT_MS = 500, ONCE_MS = 1, MAX_BYTES = 52428800 };

struct consumer {
    int fd;
    struct inbox in;
    struct writer request;
    int64_t *offsets;
    int32_t session_id, session_epoch;
    bool has; /* the message that is on its way */
};

static struct broker broker = { "127.0.0.1", 0 };
static struct text topic = { (const uint8_t *)"bench", 5 };
static int partitions = 1, consumer_count = 1, batch_bytes = 100;
static uint64_t requests, warmup;
static double seconds, warmup_seconds;
static bool sessions, gated;

static struct consumer *consumers;
static int producer_fd;
static struct inbox producer_in;
static struct writer produce_request;
static struct latencies latencies;
static uint64_t bytes;

/* Ask for what comes after the positions: of all partitions, or in a session of the one that has moved. */
static void send_fetch(struct consumer *c, int32_t moved, int32_t max_wait_ms)
{
    struct frame_plan plan = {
        .topic = topic, .per_request = partitions, .max_bytes = MAX_BYTES,
        .max_wait_ms = max_wait_ms, .session_id = c->session_id, .session_epoch = sessions ? c->session_epoch : -1,
    };

    if (sessions && c->session_epoch) {
        int64_t offset = moved >= 0 ? c->offsets[moved] : 0;
        build_fetch(&c->request, &plan, moved >= 0 ? 1 : 0, &moved, &offset);
    } else {
        build_fetch(&c->request, &plan, partitions, NULL, c->offsets);
    }
    if (send(c->fd, c->request.bytes, c->request.used, MSG_NOSIGNAL) != (ssize_t)c->request.used)
        fail("load: send");
}

/* Read an answer; returns which partition had a batch, or -1. */
static int32_t read_fetch(struct consumer *c, const uint8_t *frame, size_t size)
{
    struct reader r = { frame, frame + size, true, false };
    int32_t moved = -1;
    int error;

    take32(&r); /* correlation_id, throttle_time_ms */
    take_tags(&r);
    take32(&r);
    if ((error = take16(&r)))
        refuse("Fetch", error);
    c->session_id = take32(&r);
    c->session_epoch++;
    for (int64_t topics = take_length(&r); topics > 0 && !r.bad; topics--) {
        take_string(&r);
        for (int64_t left = take_length(&r); left > 0 && !r.bad; left--) {
            int32_t index = take32(&r);
            int64_t batches;
            const uint8_t *at;

            if ((error = take16(&r)) || index < 0 || index >= partitions)
                refuse("Fetch", error);
            take(&r, 8 + 8 + 8); /* high_watermark, last_stable_offset, log_start_offset */
            for (int64_t aborted = take_length(&r); aborted > 0 && !r.bad; aborted--) {
                take(&r, 8 + 8);
                take_tags(&r);
            }
            take32(&r); /* preferred_read_replica */
            batches = take_length(&r);
            at = take(&r, batches < 0 ? 0 : batches);
            take_tags(&r);
            if (batches < BATCH_HEADER || r.bad)
                continue;
            c->offsets[index] = (int64_t)load64(at) + load32(at + LAST_OFFSET_DELTA) + 1;
            moved = index;
            bytes += (uint64_t)batches;
        }
        take_tags(&r);
    }
    if (r.bad)
        refuse("Fetch (cut short)", 0);
    return moved;
}

static void receive_produced(void)
{
    struct reader r = { .flexible = true };
    uint8_t *frame;
    size_t size;
    int error;

    while (!inbox_next(&producer_in, &frame, &size))
        if (inbox_receive(&producer_in, producer_fd) <= 0)
            fail("load: no answer to Produce");
    r.at = frame;
    r.end = frame + size;
    take32(&r); /* correlation_id, one topic with its name, one partition with its index */
    take_tags(&r);
    take_length(&r);
    take_string(&r);
    take_length(&r);
    take32(&r);
    if ((error = take16(&r)) || r.bad)
        refuse("Produce", error);
}

/* Send one message, and wait until it is everywhere; late consumers may meanwhile get empty answers, and ask again. */
static void deliver(int poll)
{
    struct epoll_event events[64];
    uint64_t sent_ns = now_ns();
    int left = consumer_count;

    if (send(producer_fd, produce_request.bytes, produce_request.used, MSG_NOSIGNAL) != (ssize_t)produce_request.used)
        fail("load: send");
    for (int i = 0; i < consumer_count; i++)
        consumers[i].has = false;
    while (left) {
        int ready = epoll_wait(poll, events, 64, PATIENCE_SECONDS * 1000);
        if (ready <= 0) {
            errno = 0;
            fail("load: no answer from the broker");
        }
        for (int i = 0; i < ready; i++) {
            struct consumer *c = events[i].data.ptr;
            uint8_t *frame;
            size_t size;

            if (inbox_receive(&c->in, c->fd) <= 0)
                fail("load: the broker closed the connection");
            while (inbox_next(&c->in, &frame, &size)) {
                int32_t moved = read_fetch(c, frame, size);
                if (moved >= 0 && !c->has) {
                    c->has = true;
                    left--;
                    latencies_add(&latencies, now_ns() - sent_ns);
                }
                send_fetch(c, moved, MAX_WAIT_MS);
            }
        }
    }
    receive_produced();
}

/* Deliver so many messages (0: no matter how many) for `duration` seconds (0: no matter how long). */
static uint64_t run(int poll, uint64_t count, double duration, uint64_t *took_ns)
{
    uint64_t start = now_ns(), done = 0;

    latencies.count = bytes = 0;
    while ((!count || done < count) && (duration <= 0 || now_ns() < start + (uint64_t)(duration * 1e9))) {
        deliver(poll);
        done++;
    }
    *took_ns = now_ns() - start;
    return done;
}

_Noreturn static void usage(void)
{
    fprintf(stderr, "usage: tail --port P [--host A.B.C.D] [--topic T] [--partitions N] [--consumers N] [--session]\n"
                    "            [--batch-bytes N] [--requests N] [--seconds S] [--warmup N] [--warmup-seconds S]\n"
                    "            [--gate]\n");
    exit(2);
}

static void read_command_line(int argc, char **argv)
{
    static const struct option options[] = {
        { "host", 1, NULL, 'h' },       { "port", 1, NULL, 'p' },      { "topic", 1, NULL, 't' },
        { "partitions", 1, NULL, 'n' }, { "consumers", 1, NULL, 'c' }, { "session", 0, NULL, 'S' },
        { "batch-bytes", 1, NULL, 'b' }, { "requests", 1, NULL, 'q' }, { "seconds", 1, NULL, 's' },
        { "warmup", 1, NULL, 'w' },     { "warmup-seconds", 1, NULL, 'W' }, { "gate", 0, NULL, 'g' },
        { NULL, 0, NULL, 0 },
    };
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        switch (option) {
        case 'h': broker.host = optarg; break;
        case 'p': broker.port = (uint16_t)atoi(optarg); break;
        case 't': topic = text_of(optarg); break;
        case 'n': partitions = atoi(optarg); break;
        case 'c': consumer_count = atoi(optarg); break;
        case 'S': sessions = true; break;
        case 'b': batch_bytes = atoi(optarg); break;
        case 'q': requests = strtoull(optarg, NULL, 10); break;
        case 's': seconds = atof(optarg); break;
        case 'w': warmup = strtoull(optarg, NULL, 10); break;
        case 'W': warmup_seconds = atof(optarg); break;
        case 'g': gated = true; break;
        default: usage();
        }
    if (!requests && !(seconds > 0))
        requests = 10000;
    if (!broker.port || partitions < 1 || consumer_count < 1)
        usage();
}

static void open_connections(int poll)
{
    struct writer batch = { 0 };
    struct place place;
    struct frame_plan plan = { .topic = topic, .per_request = 1, .acks = 1, .places = &place };

    producer_fd = dial(broker);
    prepare_broker(producer_fd, topic, partitions, false);
    put_batch(&batch, 1, batch_bytes);
    plan.batch = (struct text){ batch.bytes, (int64_t)batch.used };
    build_produce(&produce_request, &plan);
    consumers = must(calloc((size_t)consumer_count, sizeof *consumers));
    for (int i = 0; i < consumer_count; i++) {
        struct consumer *c = &consumers[i];
        uint8_t *frame;
        size_t size;

        c->fd = dial(broker);
        c->offsets = must(calloc((size_t)partitions, sizeof *c->offsets));
        send_fetch(c, -1, ONCE_MS); /* the topic is new and empty; a session starts */
        while (!inbox_next(&c->in, &frame, &size))
            if (inbox_receive(&c->in, c->fd) <= 0)
                fail("load: no answer from the broker");
        if (read_fetch(c, frame, size) >= 0)
            refuse("Fetch (the topic is not empty)", 0);
        send_fetch(c, -1, MAX_WAIT_MS);
        epoll_ctl(poll, EPOLL_CTL_ADD, c->fd, &(struct epoll_event){ .events = EPOLLIN, .data.ptr = c });
    }
}

int main(int argc, char **argv)
{
    int poll = epoll_create1(EPOLL_CLOEXEC);
    uint64_t took_ns, delivered;
    double cpu;

    read_command_line(argc, argv);
    allow_many_files();
    crc32c_prepare();
    open_connections(poll);
    if (warmup || warmup_seconds > 0)
        run(poll, warmup, warmup_seconds, &took_ns);
    if (gated)
        wait_at_gate();
    cpu = own_cpu_seconds();
    delivered = run(poll, requests, seconds, &took_ns);
    report(sessions ? "session" : "tail", delivered, bytes, took_ns, own_cpu_seconds() - cpu, &latencies);
    return 0;
}
