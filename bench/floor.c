/* The floor: the least that a Kafka broker can do for Produce and Fetch, in C, as the measure for pykbroker.
 *
 *     floor PORT DIRECTORY [TOPIC [PARTITIONS]]          (127.0.0.1; topic "bench", 4 partitions)
 *
 * One thread, one epoll, one topic. It does the work that cannot be left out: parse the frame, verify the batch's
 * CRC-32C, stamp base offset and leader epoch, write() the batch to its partition's file, answer in order; serve Fetch
 * from that file (sendfile when large) through an index in memory. It leaves out the rest: no recovery, long poll,
 * groups, transactions, duplicate detection, limits. Its replies satisfy kcat and load.c.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crc32c.h"
#include "wire.h"

enum { NODE = 0, EPOCH = 0, SENDFILE_FROM = 65536, SMALLEST_ROOM = 1024 };

struct entry { int64_t offset, position; };
struct partition { int fd; int64_t size, end_offset; struct entry *entries; size_t count, room; };

/* After `before` bytes of the connection's `out`, this much of a file goes out. */
struct range { size_t before; int fd; off_t position; size_t size; };

struct connection {
    int fd;
    bool blocked; /* waits for EPOLLOUT, and reads nothing meanwhile */
    struct inbox in;
    struct writer out;
    size_t sent;
    struct range *ranges;
    size_t range, range_count, range_room;
};

static struct text topic;
static struct partition *partitions;
static int32_t partition_count;
static uint16_t own_port;

static struct partition *partition_of(struct text name, int32_t index)
{
    return same_text(name, topic) && index >= 0 && index < partition_count ? &partitions[index] : NULL;
}

/* ---- log --------------------------------------------------------------------------------------------------- */

static enum error append(struct partition *p, uint8_t *batch, int64_t size, int64_t *base_offset)
{
    if (size < BATCH_HEADER || load32(batch + BATCH_LENGTH) != size - LEADER_EPOCH || batch[MAGIC] != 2
        || load32(batch + CRC) != crc32c(batch + ATTRIBUTES, (size_t)size - ATTRIBUTES))
        return CORRUPT_MESSAGE;
    store64(batch + BASE_OFFSET, (uint64_t)p->end_offset);
    store32(batch + LEADER_EPOCH, EPOCH);
    if (write(p->fd, batch, (size_t)size) != size)
        fail("write");
    if (p->count == p->room) {
        p->room = p->room ? 2 * p->room : 1024;
        p->entries = must(realloc(p->entries, p->room * sizeof *p->entries));
    }
    p->entries[p->count++] = (struct entry){ p->end_offset, p->size };
    *base_offset = p->end_offset;
    p->end_offset += (int64_t)load32(batch + LAST_OFFSET_DELTA) + 1;
    p->size += size;
    return NONE;
}

/* The bytes from the batch that holds `offset` on: at most `limit`, but one whole batch at least if `one` is set. */
static int64_t find(const struct partition *p, int64_t offset, int64_t limit, bool one, int64_t *position)
{
    size_t low = 0, high = p->count;
    int64_t left, first;

    if (offset >= p->end_offset)
        return 0;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (p->entries[middle].offset <= offset)
            low = middle;
        else
            high = middle;
    }
    *position = p->entries[low].position;
    left = p->size - *position;
    first = low + 1 < p->count ? p->entries[low + 1].position - *position : left;
    if (one && limit < first)
        limit = first;
    return limit < left ? limit : left;
}

/* ---- APIs: each reads its request and writes its response body ---------------------------------------------- */

static const struct { enum api key; int16_t oldest, newest, flexible; } apis[] = {
    { PRODUCE, 3, 9, 9 }, { FETCH, 4, 12, 12 },          { LIST_OFFSETS, 1, 7, 6 },
    { METADATA, 1, 12, 9 }, { API_VERSIONS, 0, 4, 3 }, { CREATE_TOPICS, 2, 7, 5 },
};
enum { API_COUNT = sizeof apis / sizeof *apis };

static void api_versions(struct writer *w, int16_t version, bool supported)
{
    put16(w, supported ? NONE : UNSUPPORTED_VERSION);
    put_length(w, API_COUNT);
    for (int i = 0; i < API_COUNT; i++) {
        put16(w, (int16_t)apis[i].key);
        /* librdkafka looks for Produce 0 before it uses today's batches. */
        put16(w, apis[i].key == PRODUCE ? 0 : apis[i].oldest);
        put16(w, apis[i].newest);
        put_tags(w);
    }
    if (version >= 1)
        put32(w, 0); /* throttle_time_ms, here and below */
    put_tags(w);
}

static void metadata_topic(struct writer *w, int16_t version, struct text name)
{
    static const uint8_t no_id[16];
    bool known = same_text(name, topic);

    put16(w, known ? NONE : UNKNOWN_TOPIC_OR_PARTITION);
    put_string(w, name);
    if (version >= 10)
        put_bytes(w, no_id, sizeof no_id);
    put8(w, 0); /* is_internal */
    put_length(w, known ? partition_count : 0);
    for (int32_t i = 0; known && i < partition_count; i++) {
        put16(w, NONE);
        put32(w, i);
        put32(w, NODE);
        if (version >= 7)
            put32(w, EPOCH);
        for (int list = 0; list < 2; list++) { /* replicas, in-sync replicas */
            put_length(w, 1);
            put32(w, NODE);
        }
        if (version >= 5)
            put_length(w, 0); /* offline replicas */
        put_tags(w);
    }
    if (version >= 8)
        put32(w, INT32_MIN);
    put_tags(w);
}

static void metadata(struct reader *r, struct writer *w, int16_t version)
{
    int64_t asked = take_length(r);

    if (version >= 3)
        put32(w, 0);
    put_length(w, 1);
    put32(w, NODE);
    put_string(w, text_of("127.0.0.1"));
    put32(w, own_port);
    put_string(w, (struct text){ NULL, -1 }); /* rack */
    put_tags(w);
    if (version >= 2)
        put_string(w, text_of("floor")); /* cluster_id */
    put32(w, NODE);                      /* controller_id */
    put_length(w, asked < 0 ? 1 : asked);
    if (asked < 0)
        metadata_topic(w, version, topic);
    for (; asked > 0 && !r->bad; asked--) {
        if (version >= 10)
            take(r, 16);
        metadata_topic(w, version, take_string(r));
        take_tags(r);
    }
    if (version >= 8 && version <= 10)
        put32(w, INT32_MIN);
    put_tags(w);
}

static void create_topics(struct reader *r, struct writer *w, int16_t version)
{
    static const uint8_t no_id[16];
    int64_t topics = take_length(r);

    put32(w, 0);
    put_length(w, topics);
    for (; topics > 0 && !r->bad; topics--) {
        struct text name = take_string(r);
        int64_t left;

        take(r, 4 + 2); /* partitions and replication factor: as on the command line */
        for (left = take_length(r); left > 0 && !r->bad; left--) {
            take32(r);
            take(r, 4 * take_length(r));
            take_tags(r);
        }
        for (left = take_length(r); left > 0 && !r->bad; left--) {
            take_string(r);
            take_string(r);
            take_tags(r);
        }
        take_tags(r);

        put_string(w, name);
        if (version >= 7)
            put_bytes(w, no_id, sizeof no_id);
        put16(w, NONE);
        put_string(w, (struct text){ NULL, -1 });
        if (version >= 5) {
            put32(w, partition_count);
            put16(w, 1);
            put_length(w, 0);
        }
        put_tags(w);
    }
    put_tags(w);
}

/* Returns false when acks=0: no response. */
static bool produce(struct reader *r, struct writer *w, int16_t version)
{
    int64_t topics;
    int16_t acks;

    take_string(r); /* transactional_id */
    acks = take16(r);
    take32(r); /* timeout_ms */
    put_length(w, topics = take_length(r));
    for (; topics > 0 && !r->bad; topics--) {
        struct text name = take_string(r);
        int64_t left = take_length(r);

        put_string(w, name);
        put_length(w, left);
        for (; left > 0 && !r->bad; left--) {
            int32_t index = take32(r);
            struct text batch = take_bytes(r, take_length(r));
            struct partition *p = partition_of(name, index);
            int64_t base_offset = -1;

            take_tags(r);
            if (r->bad)
                return true;
            put32(w, index);
            /* The reader promises not to write, but the frame is this connection's own buffer. */
            put16(w, (int16_t)(p ? append(p, (uint8_t *)batch.bytes, batch.size, &base_offset)
                                 : UNKNOWN_TOPIC_OR_PARTITION));
            put64(w, base_offset);
            put64(w, -1); /* log_append_time_ms */
            if (version >= 5)
                put64(w, 0); /* log_start_offset */
            if (version >= 8) {
                put_length(w, 0);
                put_string(w, (struct text){ NULL, -1 });
            }
            put_tags(w);
        }
        take_tags(r);
        put_tags(w);
    }
    put32(w, 0);
    put_tags(w);
    return acks != 0;
}

static void list_offsets(struct reader *r, struct writer *w, int16_t version)
{
    int64_t topics;

    take32(r); /* replica_id */
    if (version >= 2) {
        take8(r); /* isolation_level */
        put32(w, 0);
    }
    put_length(w, topics = take_length(r));
    for (; topics > 0 && !r->bad; topics--) {
        struct text name = take_string(r);
        int64_t left = take_length(r);

        put_string(w, name);
        put_length(w, left);
        for (; left > 0 && !r->bad; left--) {
            int32_t index = take32(r);
            struct partition *p = partition_of(name, index);
            int64_t timestamp, offset;

            if (version >= 4)
                take32(r); /* current_leader_epoch */
            timestamp = take64(r);
            take_tags(r);
            offset = !p ? -1 : timestamp == -1 ? p->end_offset : timestamp == -2 ? 0 : -1;
            put32(w, index);
            put16(w, p ? NONE : UNKNOWN_TOPIC_OR_PARTITION);
            put64(w, -1);
            put64(w, offset);
            if (version >= 4)
                put32(w, offset < 0 ? -1 : EPOCH);
            put_tags(w);
        }
        take_tags(r);
        put_tags(w);
    }
    put_tags(w);
}

static void put_range(struct connection *c, int fd, int64_t position, int64_t size)
{
    if (size < SENDFILE_FROM) {
        if (pread(fd, put_room(&c->out, (size_t)size), (size_t)size, position) != size)
            fail("pread");
        return;
    }
    if (c->range_count == c->range_room) {
        c->range_room = c->range_room ? 2 * c->range_room : 8;
        c->ranges = must(realloc(c->ranges, c->range_room * sizeof *c->ranges));
    }
    c->ranges[c->range_count++] = (struct range){ c->out.used, fd, position, (size_t)size };
}

static void fetch(struct connection *c, struct reader *r, struct writer *w, int16_t version)
{
    int64_t topics;
    int32_t budget;
    bool one = true;

    take(r, 4 + 4 + 4); /* replica_id, max_wait_ms, min_bytes: nobody waits here */
    budget = take32(r);
    take8(r); /* isolation_level */
    put32(w, 0);
    if (version >= 7) {
        take(r, 4 + 4); /* session: none */
        put16(w, NONE);
        put32(w, 0);
    }
    put_length(w, topics = take_length(r));
    for (; topics > 0 && !r->bad; topics--) {
        struct text name = take_string(r);
        int64_t left = take_length(r);

        put_string(w, name);
        put_length(w, left);
        for (; left > 0 && !r->bad; left--) {
            int32_t index = take32(r), limit;
            struct partition *p = partition_of(name, index);
            int64_t offset, position = 0, size = 0;
            enum error error = NONE;

            if (version >= 9)
                take32(r); /* current_leader_epoch */
            offset = take64(r);
            if (version >= 12)
                take32(r); /* last_fetched_epoch */
            if (version >= 5)
                take64(r); /* log_start_offset */
            limit = take32(r);
            take_tags(r);
            if (!p)
                error = UNKNOWN_TOPIC_OR_PARTITION;
            else if (offset < 0 || offset > p->end_offset)
                error = OFFSET_OUT_OF_RANGE;
            else if (budget > 0)
                size = find(p, offset, limit < budget ? limit : budget, one, &position);
            if (size) {
                one = false;
                budget -= (int32_t)size;
            }
            put32(w, index);
            put16(w, (int16_t)error);
            put64(w, p ? p->end_offset : -1);
            put64(w, p ? p->end_offset : -1);
            if (version >= 5)
                put64(w, 0); /* log_start_offset */
            put_length(w, -1); /* aborted transactions */
            if (version >= 11)
                put32(w, -1);
            put_length(w, size);
            if (size)
                put_range(c, p->fd, position, size);
            put_tags(w);
        }
        take_tags(r);
        put_tags(w);
    }
    put_tags(w);
}

/* ---- connections ------------------------------------------------------------------------------------------- */

/* Answer one request; false when the peer is to be dropped. */
static bool answer(struct connection *c, const uint8_t *frame, size_t size)
{
    struct reader r = { frame, frame + size, false, false };
    struct writer *w = &c->out;
    size_t start = w->used, ranges = c->range_count, length;
    int16_t key = take16(&r), version = take16(&r);
    int32_t correlation_id = take32(&r);
    bool supported, replies = true;
    int api = 0;

    while (api < API_COUNT && (int16_t)apis[api].key != key)
        api++;
    if (api == API_COUNT)
        return false;
    supported = version >= apis[api].oldest && version <= apis[api].newest;
    if (!supported) {
        if (key != API_VERSIONS)
            return false;
        version = 0; /* KIP-511: the answer that every client can read */
    }
    take_string(&r); /* client_id: never compact */
    w->flexible = r.flexible = version >= apis[api].flexible;
    take_tags(&r);
    put32(w, 0);
    put32(w, correlation_id);
    if (key != API_VERSIONS)
        put_tags(w);
    switch (key) {
    case PRODUCE: replies = produce(&r, w, version); break;
    case FETCH: fetch(c, &r, w, version); break;
    case LIST_OFFSETS: list_offsets(&r, w, version); break;
    case METADATA: metadata(&r, w, version); break;
    case API_VERSIONS: api_versions(w, version, supported); break;
    case CREATE_TOPICS: create_topics(&r, w, version); break;
    }
    if (!replies)
        w->used = start;
    if (r.bad || !replies)
        return !r.bad;
    length = w->used - start - 4;
    for (; ranges < c->range_count; ranges++)
        length += c->ranges[ranges].size;
    store32(w->bytes + start, (uint32_t)length);
    return true;
}

/* Send what the socket takes; false when the peer has gone. */
static bool flush(struct connection *c)
{
    for (;;) {
        struct range *next = c->range < c->range_count ? &c->ranges[c->range] : NULL;
        size_t until = next ? next->before : c->out.used;
        ssize_t sent;

        if (c->sent < until) {
            sent = send(c->fd, c->out.bytes + c->sent, until - c->sent, MSG_NOSIGNAL | (next ? MSG_MORE : 0));
            if (sent > 0)
                c->sent += (size_t)sent;
        } else if (next) {
            sent = sendfile(c->fd, next->fd, &next->position, next->size);
            if (sent > 0 && !(next->size -= (size_t)sent))
                c->range++;
        } else {
            c->sent = c->out.used = c->range = c->range_count = 0;
            return true;
        }
        if (sent < 0 && errno == EAGAIN)
            return true;
        if (sent <= 0)
            return false;
    }
}

static bool serve(struct connection *c, int poll, uint32_t events)
{
    bool blocked;

    if (!c->blocked || !(events & EPOLLOUT)) {
        ssize_t got = inbox_receive(&c->in, c->fd);
        uint8_t *frame;
        size_t size;

        if (got <= 0)
            return got < 0 && errno == EAGAIN;
        while (inbox_next(&c->in, &frame, &size))
            if (!answer(c, frame, size))
                return false;
    }
    if (c->out.used && !flush(c))
        return false;
    blocked = c->out.used != 0;
    if (blocked != c->blocked) {
        struct epoll_event event = { .events = blocked ? EPOLLOUT : EPOLLIN, .data.ptr = c };
        c->blocked = blocked;
        epoll_ctl(poll, EPOLL_CTL_MOD, c->fd, &event);
    }
    return true;
}

static void welcome(int listener, int poll)
{
    struct connection *c;
    int yes = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    c = must(calloc(1, sizeof *c));
    c->fd = fd;
    put_room(&c->out, SMALLEST_ROOM);
    c->out.used = 0;
    epoll_ctl(poll, EPOLL_CTL_ADD, fd, &(struct epoll_event){ .events = EPOLLIN, .data.ptr = c });
}

static void drop(struct connection *c)
{
    close(c->fd);
    free(c->in.bytes);
    free(c->out.bytes);
    free(c->ranges);
    free(c);
}

static int listen_on(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 128))
        fail("listen");
    return fd;
}

static void open_partitions(const char *directory)
{
    partitions = must(calloc((size_t)partition_count, sizeof *partitions));
    for (int32_t i = 0; i < partition_count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s-%d.log", directory, (const char *)topic.bytes, i);
        partitions[i].fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
        if (partitions[i].fd < 0)
            fail(path);
    }
}

int main(int argc, char **argv)
{
    struct epoll_event events[64];
    int listener, poll;

    if (argc < 3 || argc > 5) {
        fprintf(stderr, "usage: floor PORT DIRECTORY [TOPIC [PARTITIONS]]\n");
        return 2;
    }
    own_port = (uint16_t)atoi(argv[1]);
    topic = text_of(argc > 3 ? argv[3] : "bench");
    partition_count = argc > 4 ? atoi(argv[4]) : 4;
    crc32c_prepare();
    open_partitions(argv[2]);
    listener = listen_on(own_port);
    poll = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &(struct epoll_event){ .events = EPOLLIN, .data.ptr = NULL });
    for (;;) {
        int ready = epoll_wait(poll, events, 64, -1);
        for (int i = 0; i < ready; i++) {
            struct connection *c = events[i].data.ptr;
            if (!c)
                welcome(listener, poll);
            else if (!serve(c, poll, events[i].events))
                drop(c);
        }
    }
}
