/* The load: drives any Kafka broker over a few connections and prints one line of JSON.
 *
 *     load produce|fetch|rtt --port P [--host 127.0.0.1] [--topic bench] [--partitions 4]
 *          [--connections 4] [--idle 0] [--depth 5] [--batch-bytes 100] [--records 1] [--batch-file F]
 *          [--per-request 1] [--acks -1] [--idempotent] [--max-bytes 1048576] [--rate R]
 *          [--requests 10000] [--seconds S] [--warmup 0] [--warmup-seconds S] [--gate]
 *
 * produce  every connection keeps `depth` Produce requests in flight, each with a ready-made batch (of --batch-bytes, or
 *          the contents of --batch-file) for `per-request` partitions of its own
 * fetch    every connection reads its partitions from offset 0 to the end, again and again, one request at a time
 * rtt      produce with one connection and one request at a time
 *
 * A run ends with --requests or --seconds, whichever comes first; with --seconds alone only these count. With --rate
 * requests are due at fixed times, whether or not earlier ones were answered, and latencies count from there. With
 * acks=0 one request in 16 asks for an answer, as the fence that a broker cannot outrun; latencies are of those.
 * `idle` more connections are opened and left alone.
 *
 * It first asks for ApiVersions, creates the topic and waits for its leaders. With --gate it prints "ready" after the
 * warm-up and goes on when it gets a line, so that the caller can read the server's CPU clock in between. SIGTERM ends
 * the run early, with its report. The first error that the broker reports ends it with status 1: a benchmark of errors is
 * worth nothing.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <sys/epoll.h>

#include "measure.h"
#include "prepare.h"

/* A ring of `depth` units, which are frames (or bursts of them): unit n sits in slot n % depth, which its answer frees
 * for unit n + depth. */
struct connection {
    int fd;
    bool blocked;
    struct inbox in;
    uint8_t *ring;
    uint64_t issued, until, answered, sent_bytes; /* `until`: how many to issue; its share of the run */
    uint64_t *issued_at;
    int32_t first;     /* of its partitions */
    int64_t *offsets;  /* fetch: the next one to ask for, of each partition */
    int64_t producer_id;
    int32_t sequence;  /* the same for each of its partitions, which get the same batches */
};

static const char *mode;
static struct broker broker = { "127.0.0.1", 0 };
static struct frame_plan plan = {
    .topic = { (const uint8_t *)"bench", 5 }, .per_request = 1, .acks = -1, .max_bytes = 1048576, .max_wait_ms = 500,
    .session_epoch = -1, /* a full fetch without a session */
};
static int connections = 4, idle, depth = 5, partitions = 4, records = 1, batch_bytes = 100;
static const char *batch_file;
static uint64_t requests, warmup;
static double seconds, warmup_seconds, rate;
static bool fetching, gated, idempotent;

static struct connection *all;
static struct writer unit;                 /* as every slot of every ring starts out */
static size_t answered_frame;              /* where in it the frame stands that is answered */
static uint64_t issued, answered, bytes;   /* of this run, in units */
static uint64_t run_start_ns, deadline_ns;
static volatile sig_atomic_t terminated;
static struct latencies latencies;

/* ---- the run ----------------------------------------------------------------------------------------------- */

/* Send what is issued and not sent yet. */
static void push(struct connection *c, int poll)
{
    size_t ring = unit.used * (size_t)depth;
    uint64_t until = c->issued * unit.used;
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

/* Make the slot of the connection's next unit differ from the one before, and count it as issued at `at_ns`. */
static void issue_one(struct connection *c, uint64_t at_ns)
{
    size_t slot = c->issued % (uint64_t)depth;
    uint8_t *bytes_of_slot = c->ring + slot * unit.used;

    store32(bytes_of_slot + answered_frame + 8, (uint32_t)c->issued); /* correlation_id */
    for (int i = 0; fetching && i < plan.per_request; i++)
        store64(bytes_of_slot + plan.places[i].offset, (uint64_t)c->offsets[i]);
    for (int i = 0, places = plan.per_request * frames_per_unit(&plan); idempotent && i < places; i++)
        number_batch(bytes_of_slot + plan.places[i].batch, c->producer_id,
                     c->sequence + i / plan.per_request * records);
    c->sequence += frames_per_unit(&plan) * records;
    c->issued_at[slot] = at_ns;
    c->issued++;
    issued++;
}

static void issue(struct connection *c)
{
    while (c->issued - c->answered < (uint64_t)depth && c->issued < c->until) {
        uint64_t now = now_ns();

        if (terminated || (deadline_ns && now > deadline_ns)) {
            c->until = c->issued;
            return;
        }
        issue_one(c, now);
    }
}

/* With --rate: issue what is due, each connection in turn; a full one holds up the others, which then are late. */
static void issue_due(int poll, uint64_t count)
{
    while (issued < count) {
        uint64_t due = run_start_ns + (uint64_t)((double)issued * 1e9 / rate), now = now_ns();
        struct connection *c = &all[issued % (uint64_t)connections];

        if (terminated || (deadline_ns && due > deadline_ns)) {
            for (int i = 0; i < connections; i++)
                all[i].until = all[i].issued;
            return;
        }
        if (due > now || c->issued - c->answered >= (uint64_t)depth)
            return;
        issue_one(c, due);
        push(c, poll);
    }
}

static void check_produced(struct reader *r)
{
    int error;

    if (take_length(r) != 1)
        refuse("Produce (not one topic)", 0);
    take_string(r);
    if (take_length(r) != plan.per_request)
        refuse("Produce (not as many partitions)", 0);
    for (int i = 0; i < plan.per_request; i++) {
        take32(r);
        error = take16(r);
        if (error || r->bad)
            refuse("Produce", error);
        if (take64(r) < 0)
            refuse("Produce (no base offset)", 0);
        take64(r); /* log_append_time_ms, log_start_offset, record errors, message */
        take64(r);
        take_length(r);
        take_string(r);
        take_tags(r);
    }
    if (r->bad)
        refuse("Produce (cut short)", 0);
    bytes += (uint64_t)plan.batch.size * (uint64_t)(plan.per_request * frames_per_unit(&plan));
}

/* Read one partition of a Fetch response; returns how many bytes of batches came. */
static int64_t check_partition(struct connection *c, struct reader *r)
{
    int32_t index = take32(r), place = (index - c->first + partitions) % partitions;
    int error = take16(r);
    int64_t high_watermark = take64(r), size, next;
    const uint8_t *at, *end;

    if (error || r->bad || place >= plan.per_request)
        refuse("Fetch", error);
    next = c->offsets[place];
    take64(r); /* last_stable_offset */
    take64(r); /* log_start_offset */
    for (int64_t left = take_length(r); left > 0 && !r->bad; left--) {
        take(r, 8 + 8);
        take_tags(r);
    }
    take32(r); /* preferred_read_replica */
    size = take_length(r);
    size = size < 0 ? 0 : size;
    at = take(r, size);
    take_tags(r);
    if (r->bad)
        refuse("Fetch (cut short)", 0);
    /* The last batch may come in part. */
    for (end = at + size; end - at >= BATCH_HEADER; at += LEADER_EPOCH + load32(at + BATCH_LENGTH)) {
        if (LEADER_EPOCH + (int64_t)load32(at + BATCH_LENGTH) > end - at)
            break;
        next = (int64_t)load64(at) + load32(at + LAST_OFFSET_DELTA) + 1;
    }
    c->offsets[place] = next < high_watermark ? next : 0;
    return size;
}

static void check_fetched(struct connection *c, struct reader *r)
{
    int64_t size = 0;
    int error;

    take32(r); /* throttle_time_ms */
    if ((error = take16(r)))
        refuse("Fetch", error);
    take32(r); /* session_id */
    if (take_length(r) != 1)
        refuse("Fetch (not one topic)", 0);
    take_string(r);
    for (int64_t left = take_length(r); left > 0 && !r->bad; left--)
        size += check_partition(c, r);
    if (r->bad || size == 0)
        refuse("Fetch (nothing to read)", 0);
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
        latencies_add(&latencies, took);
        answered++;
        c->answered++;
    }
}

/* Issue `count` units (0: no matter how many) for `duration` seconds (0: no matter how long), the same number on every
 * connection, and wait for all their answers; returns the nanoseconds. */
static uint64_t run(int poll, uint64_t count, double duration)
{
    struct epoll_event events[64];
    bool endless = !count && duration > 0;

    issued = answered = bytes = latencies.count = 0;
    run_start_ns = now_ns();
    deadline_ns = duration > 0 ? run_start_ns + (uint64_t)(duration * 1e9) : 0;
    for (int i = 0; i < connections; i++) {
        uint64_t share = count / (uint64_t)connections + ((uint64_t)i < count % (uint64_t)connections);
        all[i].until = endless ? UINT64_MAX : all[i].issued + share;
        if (rate == 0) {
            issue(&all[i]);
            push(&all[i], poll);
        }
    }
    if (rate > 0)
        issue_due(poll, endless ? UINT64_MAX : count);
    for (bool more = rate > 0; more || answered < issued;) {
        int ready = epoll_wait(poll, events, 64, rate > 0 ? 0 : PATIENCE_SECONDS * 1000);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0 && rate == 0) {
            errno = 0;
            fail("load: no answer from the broker");
        }
        for (int i = 0; i < ready; i++) {
            struct connection *c = events[i].data.ptr;
            if (events[i].events & ~(uint32_t)EPOLLOUT)
                receive(c);
            if (rate == 0)
                issue(c);
            push(c, poll);
        }
        if (rate > 0) {
            issue_due(poll, endless ? UINT64_MAX : count);
            more = all[issued % (uint64_t)connections].issued < all[issued % (uint64_t)connections].until;
        }
    }
    return now_ns() - run_start_ns;
}

static void end_early(int signal_number)
{
    (void)signal_number;
    terminated = 1;
}

/* ---- command line ------------------------------------------------------------------------------------------ */

_Noreturn static void usage(void)
{
    fprintf(stderr, "usage: load produce|fetch|rtt --port P [--host A.B.C.D] [--topic T] [--partitions N]\n"
                    "            [--connections N] [--idle N] [--depth N] [--batch-bytes N] [--records N]\n"
                    "            [--batch-file F] [--per-request N] [--acks -1|0|1] [--idempotent] [--max-bytes N]\n"
                    "            [--rate R] [--requests N] [--seconds S] [--warmup N] [--warmup-seconds S] [--gate]\n");
    exit(2);
}

static void read_command_line(int argc, char **argv)
{
    static const struct option options[] = {
        { "host", 1, NULL, 'h' },     { "port", 1, NULL, 'p' },        { "topic", 1, NULL, 't' },
        { "partitions", 1, NULL, 'n' }, { "connections", 1, NULL, 'c' }, { "depth", 1, NULL, 'd' },
        { "batch-bytes", 1, NULL, 'b' }, { "records", 1, NULL, 'r' },   { "acks", 1, NULL, 'a' },
        { "max-bytes", 1, NULL, 'm' }, { "requests", 1, NULL, 'q' },   { "seconds", 1, NULL, 's' },
        { "warmup", 1, NULL, 'w' },   { "gate", 0, NULL, 'g' },        { "idle", 1, NULL, 'i' },
        { "batch-file", 1, NULL, 'f' }, { "per-request", 1, NULL, 'e' }, { "idempotent", 0, NULL, 'I' },
        { "rate", 1, NULL, 'R' },     { "warmup-seconds", 1, NULL, 'W' }, { NULL, 0, NULL, 0 },
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
        case 'h': broker.host = optarg; break;
        case 'p': broker.port = (uint16_t)atoi(optarg); break;
        case 't': plan.topic = text_of(optarg); break;
        case 'n': partitions = atoi(optarg); break;
        case 'c': connections = atoi(optarg); break;
        case 'i': idle = atoi(optarg); break;
        case 'd': depth = atoi(optarg); break;
        case 'b': batch_bytes = atoi(optarg); break;
        case 'r': records = atoi(optarg); break;
        case 'f': batch_file = optarg; break;
        case 'e': plan.per_request = atoi(optarg); break;
        case 'a': plan.acks = (int16_t)atoi(optarg); break;
        case 'I': idempotent = true; break;
        case 'm': plan.max_bytes = atoi(optarg); break;
        case 'R': rate = atof(optarg); break;
        case 'q': requests = strtoull(optarg, NULL, 10); break;
        case 's': seconds = atof(optarg); break;
        case 'w': warmup = strtoull(optarg, NULL, 10); break;
        case 'W': warmup_seconds = atof(optarg); break;
        case 'g': gated = true; break;
        default: usage();
        }
    if (fetching)
        depth = plan.acks = 1; /* the next offset is known only from the answer */
    if (!requests && !(seconds > 0))
        requests = 10000;
    if (!broker.port || connections < 1 || depth < 1 || partitions < 1 || records < 1 || plan.per_request < 1
        || plan.per_request > partitions)
        usage();
}

static void make_batch(void)
{
    struct writer batch = { 0 };

    if (batch_file) {
        FILE *file = fopen(batch_file, "rb");
        uint8_t buffer[65536];
        size_t got;

        if (!file)
            fail(batch_file);
        while ((got = fread(buffer, 1, sizeof buffer, file)))
            put_bytes(&batch, buffer, got);
        fclose(file);
        records = (int)load32(batch.bytes + RECORD_COUNT);
    } else {
        put_batch(&batch, records, batch_bytes);
    }
    plan.batch = (struct text){ batch.bytes, (int64_t)batch.used };
}

static void open_connections(int poll)
{
    all = must(calloc((size_t)connections, sizeof *all));
    for (int i = 0; i < connections; i++) {
        struct connection *c = &all[i];

        c->fd = dial(broker);
        if (i == 0)
            prepare_broker(c->fd, plan.topic, partitions, idempotent);
        if (idempotent)
            c->producer_id = new_producer_id(c->fd);
        c->first = (int32_t)((int64_t)i * plan.per_request % partitions);
        c->offsets = must(calloc((size_t)plan.per_request, sizeof *c->offsets));
        c->ring = must(malloc(unit.used * (size_t)depth));
        c->issued_at = must(calloc((size_t)depth, sizeof *c->issued_at));
        for (int n = 0, places = plan.per_request * frames_per_unit(&plan); n < places; n++)
            store32(unit.bytes + plan.places[n].partition,
                    (uint32_t)((c->first + n % plan.per_request) % partitions));
        for (int slot = 0; slot < depth; slot++)
            memcpy(c->ring + (size_t)slot * unit.used, unit.bytes, unit.used);
        fcntl(c->fd, F_SETFL, O_NONBLOCK);
        epoll_ctl(poll, EPOLL_CTL_ADD, c->fd, &(struct epoll_event){ .events = EPOLLIN, .data.ptr = c });
    }
    for (int i = 0; i < idle; i++) {
        struct inbox in = { 0 };
        check_versions(dial(broker), &in, false);
        free(in.bytes);
    }
}

int main(int argc, char **argv)
{
    int poll = epoll_create1(EPOLL_CLOEXEC);
    uint64_t per_unit, took;
    double cpu;

    read_command_line(argc, argv);
    allow_many_files();
    crc32c_prepare();
    plan.places = must(calloc((size_t)(plan.per_request * frames_per_unit(&plan)), sizeof *plan.places));
    if (fetching) {
        build_fetch(&unit, &plan, plan.per_request, NULL, NULL);
    } else {
        make_batch();
        answered_frame = build_produce(&unit, &plan);
    }
    open_connections(poll);
    per_unit = (uint64_t)frames_per_unit(&plan);
    if (warmup || warmup_seconds > 0)
        run(poll, (warmup + per_unit - 1) / per_unit, warmup_seconds);
    signal(SIGTERM, end_early);
    if (gated)
        wait_at_gate();
    cpu = own_cpu_seconds();
    took = run(poll, (requests + per_unit - 1) / per_unit, seconds);
    report(mode, answered * per_unit, bytes, took, own_cpu_seconds() - cpu, &latencies);
    return 0;
}
