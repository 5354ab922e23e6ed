/* Kafka's primitive types and its framing, for floor.c and load.c.
 *
 * A `reader` walks one frame and a `writer` grows one; `flexible` switches both between the classic encoding (int16
 * and int32 lengths) and KIP-482's (unsigned varint of length + 1, tagged fields). A reader that runs out of bytes
 * returns zeros and turns `bad`, so that callers check once, at the end. An `inbox` gathers frames from a socket.
 */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum api { PRODUCE = 0, FETCH = 1, LIST_OFFSETS = 2, METADATA = 3, API_VERSIONS = 18, CREATE_TOPICS = 19,
           INIT_PRODUCER_ID = 22 };

enum error { NONE = 0, OFFSET_OUT_OF_RANGE = 1, CORRUPT_MESSAGE = 2, UNKNOWN_TOPIC_OR_PARTITION = 3,
             UNSUPPORTED_VERSION = 35, TOPIC_ALREADY_EXISTS = 36 };

/* A record batch of magic 2: where the fields lie (KIP-98). The CRC covers everything from attributes on. */
enum batch { BASE_OFFSET = 0, BATCH_LENGTH = 8, LEADER_EPOCH = 12, MAGIC = 16, CRC = 17, ATTRIBUTES = 21,
             LAST_OFFSET_DELTA = 23, BATCH_HEADER = 61 };

#define LARGEST_FRAME (104857600 + 4) /* socket.request.max.bytes */

_Noreturn static inline void fail(const char *what)
{
    if (errno)
        perror(what);
    else
        fprintf(stderr, "%s\n", what);
    exit(1);
}

static inline void *must(void *memory)
{
    if (!memory)
        fail("out of memory");
    return memory;
}

/* ---- big-endian numbers ------------------------------------------------------------------------------------ */

static inline uint16_t load16(const uint8_t *at) { uint16_t n; memcpy(&n, at, 2); return __builtin_bswap16(n); }
static inline uint32_t load32(const uint8_t *at) { uint32_t n; memcpy(&n, at, 4); return __builtin_bswap32(n); }
static inline uint64_t load64(const uint8_t *at) { uint64_t n; memcpy(&n, at, 8); return __builtin_bswap64(n); }
static inline void store16(uint8_t *at, uint16_t n) { n = __builtin_bswap16(n); memcpy(at, &n, 2); }
static inline void store32(uint8_t *at, uint32_t n) { n = __builtin_bswap32(n); memcpy(at, &n, 4); }
static inline void store64(uint8_t *at, uint64_t n) { n = __builtin_bswap64(n); memcpy(at, &n, 8); }

/* ---- reading ----------------------------------------------------------------------------------------------- */

struct reader { const uint8_t *at, *end; bool flexible, bad; };
struct text { const uint8_t *bytes; int64_t size; }; /* size -1: null */

static inline const uint8_t *take(struct reader *r, int64_t size)
{
    static const uint8_t zeros[8];
    const uint8_t *at = r->at;

    if (size < 0 || size > r->end - r->at) {
        r->bad = true;
        r->at = r->end;
        return zeros;
    }
    r->at += size;
    return at;
}

static inline int8_t take8(struct reader *r) { return (int8_t)*take(r, 1); }
static inline int16_t take16(struct reader *r) { return (int16_t)load16(take(r, 2)); }
static inline int32_t take32(struct reader *r) { return (int32_t)load32(take(r, 4)); }
static inline int64_t take64(struct reader *r) { return (int64_t)load64(take(r, 8)); }

static inline uint32_t take_uvarint(struct reader *r)
{
    uint32_t value = 0;
    for (int shift = 0; shift < 35; shift += 7) {
        uint8_t byte = *take(r, 1);
        value |= (uint32_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
    r->bad = true;
    return 0;
}

/* The length of an array or of bytes; -1 for null. */
static inline int64_t take_length(struct reader *r)
{
    return r->flexible ? (int64_t)take_uvarint(r) - 1 : take32(r);
}

static inline struct text take_bytes(struct reader *r, int64_t size)
{
    struct text text = { NULL, -1 };
    if (size >= 0) {
        text.bytes = take(r, size);
        text.size = r->bad ? 0 : size;
    }
    return text;
}

static inline struct text take_string(struct reader *r)
{
    return take_bytes(r, r->flexible ? (int64_t)take_uvarint(r) - 1 : take16(r));
}

static inline void take_tags(struct reader *r)
{
    if (!r->flexible)
        return;
    for (uint32_t left = take_uvarint(r); left && !r->bad; left--) {
        take_uvarint(r);
        take(r, take_uvarint(r));
    }
}

/* ---- writing ----------------------------------------------------------------------------------------------- */

struct writer { uint8_t *bytes; size_t used, room; bool flexible; };

static inline uint8_t *put_room(struct writer *w, size_t size)
{
    if (w->used + size > w->room) {
        w->room = 2 * (w->used + size) + 256;
        w->bytes = must(realloc(w->bytes, w->room));
    }
    w->used += size;
    return w->bytes + w->used - size;
}

static inline void put8(struct writer *w, int8_t n) { *put_room(w, 1) = (uint8_t)n; }
static inline void put16(struct writer *w, int16_t n) { store16(put_room(w, 2), (uint16_t)n); }
static inline void put32(struct writer *w, int32_t n) { store32(put_room(w, 4), (uint32_t)n); }
static inline void put64(struct writer *w, int64_t n) { store64(put_room(w, 8), (uint64_t)n); }

static inline void put_bytes(struct writer *w, const void *bytes, size_t size)
{
    if (size)
        memcpy(put_room(w, size), bytes, size);
}

static inline void put_uvarint(struct writer *w, uint32_t n)
{
    for (; n >= 0x80; n >>= 7)
        put8(w, (int8_t)(n | 0x80));
    put8(w, (int8_t)n);
}

static inline void put_length(struct writer *w, int64_t size)
{
    if (w->flexible)
        put_uvarint(w, (uint32_t)(size + 1));
    else
        put32(w, (int32_t)size);
}

static inline void put_string(struct writer *w, struct text text)
{
    if (w->flexible)
        put_uvarint(w, (uint32_t)(text.size + 1));
    else
        put16(w, (int16_t)text.size);
    if (text.size > 0)
        put_bytes(w, text.bytes, (size_t)text.size);
}

static inline void put_tags(struct writer *w)
{
    if (w->flexible)
        put8(w, 0);
}

static inline struct text text_of(const char *words)
{
    return (struct text){ (const uint8_t *)words, (int64_t)strlen(words) };
}

static inline bool same_text(struct text a, struct text b)
{
    return a.size == b.size && (a.size <= 0 || !memcmp(a.bytes, b.bytes, (size_t)a.size));
}

/* ---- frames from a socket ---------------------------------------------------------------------------------- */

struct inbox { uint8_t *bytes; size_t start, end, room; };

/* Receive once. Returns what recv() returned, or 0 for a length that nobody should send.
 * A large frame is read to exactly its end, so that the next one begins at the front and is not moved. */
static inline ssize_t inbox_receive(struct inbox *in, int fd)
{
    enum { SMALL = 131072 };
    size_t held = in->end - in->start, want = SMALL, limit;
    ssize_t got;

    if (held >= 4) {
        size_t frame = 4 + (size_t)load32(in->bytes + in->start);
        if (frame > LARGEST_FRAME)
            return 0;
        if (frame > want)
            want = frame;
    }
    if (!held)
        in->start = in->end = 0;
    if (in->start + want > in->room) {
        if (held)
            memmove(in->bytes, in->bytes + in->start, held);
        in->start = 0;
        in->end = held;
        if (want > in->room) {
            in->room = want > 2 * SMALL ? want : 2 * SMALL;
            in->bytes = must(realloc(in->bytes, in->room));
        }
    }
    limit = want > SMALL ? want - held : in->room - in->end;
    got = recv(fd, in->bytes + in->end, limit, 0);
    if (got > 0)
        in->end += (size_t)got;
    return got;
}

/* Take the next whole frame (without its length) out of the inbox; it stays valid until the next receive. */
static inline bool inbox_next(struct inbox *in, uint8_t **frame, size_t *size)
{
    size_t held = in->end - in->start;
    if (held < 4)
        return false;
    *size = load32(in->bytes + in->start);
    if (held < 4 + *size)
        return false;
    *frame = in->bytes + in->start + 4;
    in->start += 4 + *size;
    return true;
}

#endif
