/* The load: drives any Kafka broker over a few connections and prints one line of JSON.
 *
 *     load produce|fetch|rtt --port P [--host 127.0.0.1] [--topic bench] [--partitions 4]
 *          [--connections 4] [--depth 5] [--batch-bytes 100] [--records 1] [--acks -1] [--max-bytes 1048576]
 *          [--requests 10000 | --seconds S] [--warmup 0] [--gate]
 *
 * produce  every connection keeps `depth` Produce requests of one ready-made batch in flight, to its own partition
 * fetch    every connection reads its partition from offset 0 to the end, again and again, one request at a time
 * rtt      produce with one connection and one request at a time
 *
 * It first asks for ApiVersions, creates the topic and waits for its leaders. With --gate it prints "ready" after the
 * warm-up and goes on when it gets a line, so that the caller can read the server's CPU clock in between. SIGTERM ends
 * the run early, with its report. The first error that the broker reports ends it with status 1: a benchmark of errors is
 * worth nothing.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "crc32c.h"
#include "wire.h"

enum { PATIENCE_SECONDS = 10 };
static const int16_t API_VERSIONS_VERSION = 3, METADATA_VERSION = 9, CREATE_TOPICS_VERSION = 5;
static const int16_t PRODUCE_VERSION = 9, FETCH_VERSION = 12;

/* A ring of `depth` request frames: request n sits in slot n % depth, which its answer frees for request n + depth. */
struct connection {
    int fd;
    bool blocked;
    struct inbox in;
    uint8_t *ring;
    uint64_t issued, until, answered, sent_bytes; /* `until`: how many to issue; its share of the run */
    uint64_t *issued_at;
    int64_t offset; /* fetch: the next one to ask for */
};

static const char *mode, *host = "127.0.0.1";
static struct text topic = { (const uint8_t *)"bench", 5 };
static uint16_t port;
static int connections = 4, depth = 5, partitions = 4, records = 1, batch_bytes = 100, max_bytes = 1048576;
static int16_t acks = -1;
static uint64_t requests = 10000, warmup;
static double seconds;
static bool fetching, gated;

static struct connection *all;
static struct writer request;              /* one frame, as every slot of every ring starts out */
static size_t partition_at, offset_at;     /* where in the frame the partition and (fetch) the offset stand */
static uint64_t issued, answered, bytes;   /* of this run */
static uint64_t deadline_ns;
static volatile sig_atomic_t terminated;
static uint32_t *latencies_ns;
static size_t latency_room;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

_Noreturn static void refuse(const char *what, int error)
{
    fprintf(stderr, "load: error %d from the broker in answer to %s\n", error, what);
    exit(1);
}

/* ---- requests ---------------------------------------------------------------------------------------------- */

/* Start a frame in `w`: its length is set by end_request(). */
static void start_request(struct writer *w, enum api key, int16_t version, bool flexible)
{
    w->used = 0;
    w->flexible = flexible;
    put32(w, 0);
    put16(w, (int16_t)key);
    put16(w, version);
    put32(w, 0); /* correlation_id */
    put16(w, 4); /* client_id: never compact */
    put_bytes(w, "load", 4);
    put_tags(w);
}

static void end_request(struct writer *w)
{
    store32(w->bytes, (uint32_t)(w->used - 4));
}

static void put_varint(struct writer *w, int32_t n)
{
    put_uvarint(w, ((uint32_t)n << 1) ^ (uint32_t)(n >> 31));
}

static int32_t varint_size(int32_t n)
{
    struct writer w = { 0 };
    put_varint(&w, n);
    free(w.bytes);
    return (int32_t)w.used;
}

/* Append a record without a key that takes `size` bytes in all, or one less where a longer length would overshoot. */
static void put_record(struct writer *w, int32_t offset_delta, int32_t size)
{
    int32_t value = size, body;

    do {
        value--;
        body = 1 + 1 + varint_size(offset_delta) + 1 + varint_size(value) + value + 1;
    } while (value > 0 && varint_size(body) + body > size);
    if (value <= 0) {
        errno = 0;
        fail("load: --batch-bytes is too small for --records");
    }
    put_varint(w, body);
    put8(w, 0);     /* attributes */
    put_varint(w, 0); /* timestamp delta */
    put_varint(w, offset_delta);
    put_varint(w, -1); /* null key */
    put_varint(w, value);
    for (uint8_t *at = put_room(w, (size_t)value), *end = at + value; at < end; at++)
        *at = (uint8_t)('a' + (end - at) % 26);
    put_varint(w, 0); /* headers */
}

static void put_batch(struct writer *w)
{
    size_t start = w->used;
    struct timespec t;
    int64_t now_ms;
    uint8_t *batch;

    clock_gettime(CLOCK_REALTIME, &t);
    now_ms = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
    put64(w, 0); /* base_offset */
    put32(w, 0); /* length: below */
    put32(w, -1); /* partition_leader_epoch */
    put8(w, 2);
    put32(w, 0); /* crc: below */
    put16(w, 0); /* attributes */
    put32(w, records - 1);
    put64(w, now_ms);
    put64(w, now_ms);
    put64(w, -1); /* producer id, epoch, sequence: not idempotent */
    put16(w, -1);
    put32(w, -1);
    put32(w, records);
    for (int32_t i = 0; i < records; i++)
        put_record(w, i, (int32_t)((size_t)batch_bytes - (w->used - start)) / (records - i));
    batch = w->bytes + start;
    store32(batch + BATCH_LENGTH, (uint32_t)(w->used - start - LEADER_EPOCH));
    store32(batch + CRC, crc32c(batch + ATTRIBUTES, w->used - start - ATTRIBUTES));
}

static void build_produce(struct writer *w)
{
    struct writer batch = { 0 };

    put_batch(&batch);
    start_request(w, PRODUCE, PRODUCE_VERSION, true);
    put_string(w, (struct text){ NULL, -1 }); /* transactional_id */
    put16(w, acks);
    put32(w, 30000);
    put_length(w, 1);
    put_string(w, topic);
    put_length(w, 1);
    partition_at = w->used;
    put32(w, 0);
    put_length(w, (int64_t)batch.used);
    put_bytes(w, batch.bytes, batch.used);
    put_tags(w);
    put_tags(w);
    put_tags(w);
    end_request(w);
    free(batch.bytes);
}

static void build_fetch(struct writer *w)
{
    start_request(w, FETCH, FETCH_VERSION, true);
    put32(w, -1);  /* replica_id */
    put32(w, 500); /* max_wait_ms */
    put32(w, 1);   /* min_bytes */
    put32(w, max_bytes);
    put8(w, 0);   /* isolation_level */
    put32(w, 0);  /* session_id and epoch: a full fetch without a session */
    put32(w, -1);
    put_length(w, 1);
    put_string(w, topic);
    put_length(w, 1);
    partition_at = w->used;
    put32(w, 0);
    put32(w, -1); /* current_leader_epoch */
    offset_at = w->used;
    put64(w, 0);
    put32(w, -1); /* last_fetched_epoch */
    put64(w, -1); /* log_start_offset */
    put32(w, max_bytes);
    put_tags(w);
    put_tags(w);
    put_length(w, 0); /* forgotten topics */
    put_string(w, text_of("")); /* rack_id */
    put_tags(w);
    end_request(w);
}

/* ---- getting the broker ready: one blocking request after the other ------------------------------------------- */

static int dial(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct timeval patience = { .tv_sec = PATIENCE_SECONDS };
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
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
static struct reader ask(struct connection *c, struct writer *w, bool tags_in_header)
{
    struct reader r = { .flexible = true };
    size_t size;
    uint8_t *frame;

    end_request(w);
    if (send(c->fd, w->bytes, w->used, MSG_NOSIGNAL) != (ssize_t)w->used)
        fail("load: send");
    while (!inbox_next(&c->in, &frame, &size)) {
        errno = 0;
        if (inbox_receive(&c->in, c->fd) <= 0)
            fail("load: no answer from the broker");
    }
    r.at = frame;
    r.end = frame + size;
    take32(&r); /* correlation_id */
    if (tags_in_header)
        take_tags(&r);
    return r;
}

static void check_versions(struct connection *c, struct writer *w)
{
    const struct { enum api key; int16_t version; } needed[] = {
        { PRODUCE, PRODUCE_VERSION }, { FETCH, FETCH_VERSION },
        { METADATA, METADATA_VERSION }, { CREATE_TOPICS, CREATE_TOPICS_VERSION },
    };
    enum { NEEDED = sizeof needed / sizeof *needed };
    bool found[NEEDED] = { false };
    struct reader r;
    int error;

    start_request(w, API_VERSIONS, API_VERSIONS_VERSION, true);
    put_string(w, text_of("load"));
    put_string(w, text_of("1"));
    put_tags(w);
    r = ask(c, w, false);
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
        if (!found[i])
            refuse("ApiVersions (a version that the load speaks is not offered)", UNSUPPORTED_VERSION);
}

static void create_topic(struct connection *c, struct writer *w)
{
    struct reader r;
    int error;

    start_request(w, CREATE_TOPICS, CREATE_TOPICS_VERSION, true);
    put_length(w, 1);
    put_string(w, topic);
    put32(w, partitions);
    put16(w, 1);
    put_length(w, 0); /* assignments */
    put_length(w, 0); /* configs */
    put_tags(w);
    put32(w, PATIENCE_SECONDS * 1000);
    put8(w, 0); /* validate_only */
    put_tags(w);
    r = ask(c, w, true);
    take32(&r); /* throttle_time_ms */
    if (take_length(&r) != 1)
        refuse("CreateTopics (not one topic)", 0);
    take_string(&r);
    error = take16(&r);
    if (r.bad || (error && error != TOPIC_ALREADY_EXISTS))
        refuse("CreateTopics", error);
}

/* Whether every partition that will be used has a leader. */
static bool topic_is_ready(struct connection *c, struct writer *w)
{
    int ready = 0, error;
    struct reader r;

    start_request(w, METADATA, METADATA_VERSION, true);
    put_length(w, 1);
    put_string(w, topic);
    put_tags(w);
    put8(w, 0); /* allow_auto_topic_creation, authorized operations */
    put8(w, 0);
    put8(w, 0);
    put_tags(w);
    r = ask(c, w, true);
    take32(&r); /* throttle_time_ms */
    for (int64_t left = take_length(&r); left > 0 && !r.bad; left--) {
        take32(&r); /* node_id, host, port, rack */
        take_string(&r);
        take32(&r);
        take_string(&r);
        take_tags(&r);
    }
    take_string(&r); /* cluster_id */
    take32(&r);      /* controller_id */
    if (take_length(&r) != 1)
        refuse("Metadata (not one topic)", 0);
    error = take16(&r);
    take_string(&r);
    take8(&r); /* is_internal */
    for (int64_t left = take_length(&r); left > 0 && !r.bad; left--) {
        int16_t wrong = take16(&r);
        int32_t index = take32(&r), leader = take32(&r);
        take32(&r); /* leader_epoch */
        for (int list = 0; list < 3; list++)
            take(&r, 4 * take_length(&r));
        take_tags(&r);
        if (!wrong && leader >= 0 && index >= 0 && index < partitions)
            ready++;
    }
    return !error && !r.bad && ready == partitions;
}

static void prepare_broker(struct connection *c)
{
    uint64_t patient_until = now_ns() + PATIENCE_SECONDS * 1000000000ull;
    struct writer w = { 0 };

    check_versions(c, &w);
    create_topic(c, &w);
    while (!topic_is_ready(c, &w)) {
        errno = 0;
        if (now_ns() > patient_until)
            fail("load: the topic has no leaders");
        usleep(10000);
    }
    free(w.bytes);
}

/* ---- the run ----------------------------------------------------------------------------------------------- */

/* Send what is issued and not sent yet. */
static void push(struct connection *c, int poll)
{
    size_t ring = request.used * (size_t)depth;
    uint64_t until = c->issued * request.used;
    bool blocked = false;

    while (c->sent_bytes < until && !blocked) {
        size_t at = c->sent_bytes % ring, size = until - c->sent_bytes;
        ssize_t sent = send(c->fd, c->ring + at, size < ring - at ? size : ring - at, MSG_NOSIGNAL);
        if (sent > 0)
            c->sent_bytes += (uint64_t)sent;
        else if (errno == EAGAIN)
            blocked = true;
        else
            fail("load: send");
    }
    if (blocked != c->blocked) {
        struct epoll_event event = { .events = EPOLLIN | (blocked ? EPOLLOUT : 0), .data.ptr = c };
        c->blocked = blocked;
        epoll_ctl(poll, EPOLL_CTL_MOD, c->fd, &event);
    }
}

static void issue(struct connection *c)
{
    while (c->issued - c->answered < (uint64_t)depth && c->issued < c->until) {
        size_t slot = c->issued % (uint64_t)depth;
        uint8_t *frame = c->ring + slot * request.used;
        uint64_t now = now_ns();

        if (terminated || (deadline_ns && now > deadline_ns)) {
            c->until = c->issued;
            return;
        }
        store32(frame + 8, (uint32_t)c->issued); /* correlation_id */
        if (fetching)
            store64(frame + offset_at, (uint64_t)c->offset);
        c->issued_at[slot] = now;
        c->issued++;
        issued++;
    }
}

static void check_produced(struct reader *r)
{
    int error;

    if (take_length(r) != 1)
        refuse("Produce (not one topic)", 0);
    take_string(r);
    if (take_length(r) != 1)
        refuse("Produce (not one partition)", 0);
    take32(r);
    error = take16(r);
    if (error || r->bad)
        refuse("Produce", error);
    if (take64(r) < 0)
        refuse("Produce (no base offset)", 0);
    bytes += (uint64_t)batch_bytes;
}

static void check_fetched(struct connection *c, struct reader *r)
{
    int64_t high_watermark, size, next = c->offset;
    const uint8_t *at, *end;
    int error;

    take32(r); /* throttle_time_ms */
    if ((error = take16(r)))
        refuse("Fetch", error);
    take32(r); /* session_id */
    if (take_length(r) != 1)
        refuse("Fetch (not one topic)", 0);
    take_string(r);
    if (take_length(r) != 1)
        refuse("Fetch (not one partition)", 0);
    take32(r);
    if ((error = take16(r)))
        refuse("Fetch", error);
    high_watermark = take64(r);
    take64(r); /* last_stable_offset */
    take64(r); /* log_start_offset */
    for (int64_t left = take_length(r); left > 0 && !r->bad; left--) {
        take(r, 8 + 8);
        take_tags(r);
    }
    take32(r); /* preferred_read_replica */
    size = take_length(r);
    at = take(r, size);
    if (r->bad)
        refuse("Fetch (cut short)", 0);
    /* The last batch may come in part. */
    for (end = at + size; end - at >= BATCH_HEADER; at += LEADER_EPOCH + load32(at + BATCH_LENGTH)) {
        if (LEADER_EPOCH + (int64_t)load32(at + BATCH_LENGTH) > end - at)
            break;
        next = (int64_t)load64(at) + load32(at + LAST_OFFSET_DELTA) + 1;
    }
    if (next == c->offset)
        refuse("Fetch (nothing to read)", 0);
    c->offset = next < high_watermark ? next : 0;
    bytes += (uint64_t)size;
}

static void receive(struct connection *c)
{
    ssize_t got = inbox_receive(&c->in, c->fd);
    uint8_t *frame;
    size_t size;

    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        errno = got ? errno : 0;
        fail("load: the broker closed the connection");
    }
    while (inbox_next(&c->in, &frame, &size)) {
        struct reader r = { frame, frame + size, true, false };
        uint64_t took = now_ns() - c->issued_at[c->answered % (uint64_t)depth];

        if (c->answered == c->issued || (uint32_t)take32(&r) != (uint32_t)c->answered)
            refuse("a request (not the next correlation id)", 0);
        take_tags(&r);
        if (fetching)
            check_fetched(c, &r);
        else
            check_produced(&r);
        if (answered == latency_room) {
            latency_room = latency_room ? 2 * latency_room : 65536;
            latencies_ns = must(realloc(latencies_ns, latency_room * sizeof *latencies_ns));
        }
        latencies_ns[answered++] = took < UINT32_MAX ? (uint32_t)took : UINT32_MAX;
        c->answered++;
    }
}

/* Issue `count` requests, the same number on every connection, or those of `duration` seconds if that is not 0, and
 * wait for all their answers; returns the nanoseconds. */
static uint64_t run(int poll, uint64_t count, double duration)
{
    struct epoll_event events[64];
    uint64_t start = now_ns();

    issued = answered = bytes = 0;
    deadline_ns = duration > 0 ? start + (uint64_t)(duration * 1e9) : 0;
    for (int i = 0; i < connections; i++) {
        uint64_t share = count / (uint64_t)connections + ((uint64_t)i < count % (uint64_t)connections);
        all[i].until = duration > 0 ? UINT64_MAX : all[i].issued + share;
        issue(&all[i]);
        push(&all[i], poll);
    }
    while (answered < issued) {
        int ready = epoll_wait(poll, events, 64, PATIENCE_SECONDS * 1000);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0) {
            errno = 0;
            fail("load: no answer from the broker");
        }
        for (int i = 0; i < ready; i++) {
            struct connection *c = events[i].data.ptr;
            if (events[i].events & ~(uint32_t)EPOLLOUT)
                receive(c);
            issue(c);
            push(c, poll);
        }
    }
    return now_ns() - start;
}

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double latency_us(double quantile)
{
    return answered ? latencies_ns[(size_t)(quantile * (double)(answered - 1))] / 1e3 : 0;
}

static void end_early(int signal_number)
{
    (void)signal_number;
    terminated = 1;
}

static void report(uint64_t took_ns)
{
    qsort(latencies_ns, answered, sizeof *latencies_ns, ascending);
    printf("{\"mode\": \"%s\", \"requests\": %llu, \"bytes\": %llu, \"seconds\": %.6f, \"p50_us\": %.1f, "
           "\"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f}\n",
           mode, (unsigned long long)answered, (unsigned long long)bytes, (double)took_ns / 1e9, latency_us(0.5),
           latency_us(0.99), latency_us(0.999), latency_us(1));
    fflush(stdout);
}

/* ---- command line ------------------------------------------------------------------------------------------ */

_Noreturn static void usage(void)
{
    fprintf(stderr, "usage: load produce|fetch|rtt --port P [--host A.B.C.D] [--topic T] [--partitions N]\n"
                    "            [--connections N] [--depth N] [--batch-bytes N] [--records N] [--acks -1|1]\n"
                    "            [--max-bytes N] [--requests N | --seconds S] [--warmup N] [--gate]\n");
    exit(2);
}

static void read_command_line(int argc, char **argv)
{
    static const struct option options[] = {
        { "host", 1, NULL, 'h' },     { "port", 1, NULL, 'p' },        { "topic", 1, NULL, 't' },
        { "partitions", 1, NULL, 'n' }, { "connections", 1, NULL, 'c' }, { "depth", 1, NULL, 'd' },
        { "batch-bytes", 1, NULL, 'b' }, { "records", 1, NULL, 'r' },   { "acks", 1, NULL, 'a' },
        { "max-bytes", 1, NULL, 'm' }, { "requests", 1, NULL, 'q' },   { "seconds", 1, NULL, 's' },
        { "warmup", 1, NULL, 'w' },   { "gate", 0, NULL, 'g' },        { NULL, 0, NULL, 0 },
    };
    int option;

    if (argc < 2)
        usage();
    mode = argv[1];
    fetching = !strcmp(mode, "fetch");
    if (!strcmp(mode, "rtt"))
        connections = depth = 1;
    else if (!fetching && strcmp(mode, "produce"))
        usage();
    while ((option = getopt_long(argc - 1, argv + 1, "", options, NULL)) != -1)
        switch (option) {
        case 'h': host = optarg; break;
        case 'p': port = (uint16_t)atoi(optarg); break;
        case 't': topic = text_of(optarg); break;
        case 'n': partitions = atoi(optarg); break;
        case 'c': connections = atoi(optarg); break;
        case 'd': depth = atoi(optarg); break;
        case 'b': batch_bytes = atoi(optarg); break;
        case 'r': records = atoi(optarg); break;
        case 'a': acks = (int16_t)atoi(optarg); break;
        case 'm': max_bytes = atoi(optarg); break;
        case 'q': requests = strtoull(optarg, NULL, 10); break;
        case 's': seconds = atof(optarg); break;
        case 'w': warmup = strtoull(optarg, NULL, 10); break;
        case 'g': gated = true; break;
        default: usage();
        }
    if (fetching)
        depth = 1; /* the next offset is known only from the answer */
    if (!port || connections < 1 || depth < 1 || partitions < 1 || records < 1 || !acks)
        usage();
}

static void open_connections(int poll)
{
    all = must(calloc((size_t)connections, sizeof *all));
    for (int i = 0; i < connections; i++) {
        struct connection *c = &all[i];

        c->fd = dial();
        if (i == 0)
            prepare_broker(c);
        c->ring = must(malloc(request.used * (size_t)depth));
        c->issued_at = must(calloc((size_t)depth, sizeof *c->issued_at));
        store32(request.bytes + partition_at, (uint32_t)(i % partitions));
        for (int slot = 0; slot < depth; slot++)
            memcpy(c->ring + (size_t)slot * request.used, request.bytes, request.used);
        fcntl(c->fd, F_SETFL, O_NONBLOCK);
        epoll_ctl(poll, EPOLL_CTL_ADD, c->fd, &(struct epoll_event){ .events = EPOLLIN, .data.ptr = c });
    }
}

int main(int argc, char **argv)
{
    int poll = epoll_create1(EPOLL_CLOEXEC);

    read_command_line(argc, argv);
    crc32c_prepare();
    if (fetching)
        build_fetch(&request);
    else
        build_produce(&request);
    open_connections(poll);
    run(poll, warmup, 0);
    signal(SIGTERM, end_early);
    if (gated) {
        puts("ready");
        fflush(stdout);
        if (getchar() == EOF)
            return 1;
    }
    report(run(poll, requests, seconds));
    return 0;
}
