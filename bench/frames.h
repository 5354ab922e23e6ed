/* The requests that the loads send, as frames: built once, then only patched where a request differs from the last.
 *
 * A `frame_plan` is what to build. A `place` says where in a frame one partition's fields stand. With acks=0 a broker
 * never answers, so that one unit of load is a burst of requests, of which only the last asks for an answer (acks=1).
 */
#ifndef BENCH_FRAMES_H
#define BENCH_FRAMES_H

#include <time.h>

#include "crc32c.h"
#include "wire.h"

static const int16_t API_VERSIONS_VERSION = 3, LIST_OFFSETS_VERSION = 7, CREATE_TOPICS_VERSION = 5;
static const int16_t PRODUCE_VERSION = 9, FETCH_VERSION = 12, INIT_PRODUCER_ID_VERSION = 2;
enum { BURST = 16 };

/* Of a batch: the producer's fields, which a load that is idempotent patches. */
enum { PRODUCER_ID = 43, PRODUCER_EPOCH = 51, BASE_SEQUENCE = 53, RECORD_COUNT = 57 };

struct place { size_t partition, offset, batch; };

struct frame_plan {
    struct text topic;
    int per_request;    /* partitions in one request */
    int16_t acks;
    struct text batch;  /* what Produce carries to each of them */
    int max_bytes;      /* of a Fetch response in all; each partition gets its share */
    int32_t max_wait_ms, session_id, session_epoch;
    struct place *places; /* filled in: `per_request` for each frame of the unit */
};

/* Start a frame behind what is in `w`; returns where it starts. end_request_at() sets its length. */
static inline size_t start_request_at(struct writer *w, enum api key, int16_t version, bool flexible)
{
    size_t start = w->used;

    w->flexible = flexible;
    put32(w, 0);
    put16(w, (int16_t)key);
    put16(w, version);
    put32(w, 0); /* correlation_id */
    put16(w, 4); /* client_id: never compact */
    put_bytes(w, "load", 4);
    put_tags(w);
    return start;
}

static inline void end_request_at(struct writer *w, size_t start)
{
    store32(w->bytes + start, (uint32_t)(w->used - start - 4));
}

/* Start the only frame in `w`. */
static inline void start_request(struct writer *w, enum api key, int16_t version, bool flexible)
{
    w->used = 0;
    start_request_at(w, key, version, flexible);
}

static inline void put_varint(struct writer *w, int32_t n)
{
    put_uvarint(w, ((uint32_t)n << 1) ^ (uint32_t)(n >> 31));
}

static inline int32_t varint_size(int32_t n)
{
    struct writer w = { 0 };
    put_varint(&w, n);
    free(w.bytes);
    return (int32_t)w.used;
}

/* Append a record without a key that takes `size` bytes in all, or one less where a longer length would overshoot. */
static inline void put_record(struct writer *w, int32_t offset_delta, int32_t size)
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

/* Append a batch of `size` bytes in all, with so many records that are not compressed. */
static inline void put_batch(struct writer *w, int32_t records, int32_t size)
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
        put_record(w, i, (int32_t)((size_t)size - (w->used - start)) / (records - i));
    batch = w->bytes + start;
    store32(batch + BATCH_LENGTH, (uint32_t)(w->used - start - LEADER_EPOCH));
    store32(batch + CRC, crc32c(batch + ATTRIBUTES, w->used - start - ATTRIBUTES));
}

/* Make a batch that nobody else sent: its producer, the next sequence number, and the checksum that follows. */
static inline void number_batch(uint8_t *batch, int64_t producer_id, int32_t sequence)
{
    store64(batch + PRODUCER_ID, (uint64_t)producer_id);
    store16(batch + PRODUCER_EPOCH, 0);
    store32(batch + BASE_SEQUENCE, (uint32_t)sequence);
    store32(batch + CRC, crc32c(batch + ATTRIBUTES, load32(batch + BATCH_LENGTH) + LEADER_EPOCH - ATTRIBUTES));
}

static inline int frames_per_unit(const struct frame_plan *plan)
{
    return plan->acks ? 1 : BURST;
}

/* Put a unit of Produce into `w`; returns where its last frame starts, whose correlation id the answer bears. */
static inline size_t build_produce(struct writer *w, const struct frame_plan *plan)
{
    int frames = frames_per_unit(plan);
    struct place *place = plan->places;
    size_t start = w->used = 0;

    for (int frame = 0; frame < frames; frame++) {
        start = start_request_at(w, PRODUCE, PRODUCE_VERSION, true);
        put_string(w, (struct text){ NULL, -1 }); /* transactional_id */
        put16(w, frame < frames - 1 ? 0 : plan->acks ? plan->acks : 1);
        put32(w, 30000);
        put_length(w, 1);
        put_string(w, plan->topic);
        put_length(w, plan->per_request);
        for (int i = 0; i < plan->per_request; i++, place++) {
            place->partition = w->used;
            put32(w, i);
            put_length(w, plan->batch.size);
            place->batch = w->used;
            put_bytes(w, plan->batch.bytes, (size_t)plan->batch.size);
            put_tags(w);
        }
        put_tags(w);
        put_tags(w);
        end_request_at(w, start);
    }
    return start;
}

/* Put a Fetch of the partitions in `indexes` from `offsets` (NULL: 0, 1, ... from their starts) into `w`. */
static inline void build_fetch(struct writer *w, const struct frame_plan *plan, int count, const int32_t *indexes,
                               const int64_t *offsets)
{
    start_request(w, FETCH, FETCH_VERSION, true);
    put32(w, -1); /* replica_id */
    put32(w, plan->max_wait_ms);
    put32(w, 1); /* min_bytes */
    put32(w, plan->max_bytes);
    put8(w, 0); /* isolation_level */
    put32(w, plan->session_id);
    put32(w, plan->session_epoch);
    put_length(w, count ? 1 : 0);
    if (count) {
        put_string(w, plan->topic);
        put_length(w, count);
        for (int i = 0; i < count; i++) {
            if (plan->places)
                plan->places[i].partition = w->used;
            put32(w, indexes ? indexes[i] : i);
            put32(w, -1); /* current_leader_epoch */
            if (plan->places)
                plan->places[i].offset = w->used;
            put64(w, offsets ? offsets[i] : 0);
            put32(w, -1); /* last_fetched_epoch */
            put64(w, -1); /* log_start_offset */
            put32(w, plan->max_bytes / plan->per_request);
            put_tags(w);
        }
        put_tags(w);
    }
    put_length(w, 0); /* forgotten topics */
    put_string(w, text_of("")); /* rack_id */
    put_tags(w);
    end_request_at(w, 0);
}

#endif
