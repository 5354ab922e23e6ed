/* CRC-32C (Castagnoli, RFC 3720 appendix B.4) of any bytes: call crc32c_prepare() once, then crc32c().
 *
 * With SSE4.2 three lanes run side by side, because the crc32 instruction takes three cycles but can start every
 * cycle; the lanes are joined by moving a CRC over the zeros that stand for the next lane, which is linear and
 * therefore a table. Elsewhere a byte table: right, but too slow to be anybody's floor for large batches.
 */
#ifndef BENCH_CRC32C_H
#define BENCH_CRC32C_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CRC32C_POLYNOMIAL 0x82f63b78u
#define CRC32C_LANE 1024 /* bytes per lane; a multiple of 8 */

static uint32_t crc32c_bytes[256];
static uint32_t crc32c_skip[4][256]; /* a CRC after CRC32C_LANE more zero bytes, by its four bytes */

static inline uint32_t crc32c_by_table(uint32_t crc, const uint8_t *at, size_t size)
{
    while (size--)
        crc = crc32c_bytes[(crc ^ *at++) & 0xff] ^ (crc >> 8);
    return crc;
}

static inline void crc32c_prepare(void)
{
    static const uint8_t zeros[CRC32C_LANE];
    uint32_t moved[32];

    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? CRC32C_POLYNOMIAL : 0);
        crc32c_bytes[byte] = crc;
    }
    for (int bit = 0; bit < 32; bit++)
        moved[bit] = crc32c_by_table(1u << bit, zeros, CRC32C_LANE);
    for (int place = 0; place < 4; place++)
        for (uint32_t byte = 0; byte < 256; byte++) {
            uint32_t crc = 0;
            for (int bit = 0; bit < 8; bit++)
                if (byte >> bit & 1)
                    crc ^= moved[8 * place + bit];
            crc32c_skip[place][byte] = crc;
        }
}

#ifdef __x86_64__
#include <nmmintrin.h>

static inline uint64_t crc32c_word(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

static inline uint64_t crc32c_skip_lane(uint64_t crc)
{
    return crc32c_skip[0][crc & 0xff] ^ crc32c_skip[1][crc >> 8 & 0xff] ^ crc32c_skip[2][crc >> 16 & 0xff]
        ^ crc32c_skip[3][crc >> 24 & 0xff];
}

__attribute__((target("sse4.2"))) static inline uint32_t crc32c_by_sse(uint32_t seed, const uint8_t *at, size_t size)
{
    uint64_t crc = seed;

    for (; size >= 3 * CRC32C_LANE; at += 3 * CRC32C_LANE, size -= 3 * CRC32C_LANE) {
        uint64_t second = 0, third = 0;
        for (const uint8_t *p = at; p < at + CRC32C_LANE; p += 8) {
            crc = _mm_crc32_u64(crc, crc32c_word(p));
            second = _mm_crc32_u64(second, crc32c_word(p + CRC32C_LANE));
            third = _mm_crc32_u64(third, crc32c_word(p + 2 * CRC32C_LANE));
        }
        crc = crc32c_skip_lane(crc32c_skip_lane(crc) ^ second) ^ third;
    }
    for (; size >= 8; at += 8, size -= 8)
        crc = _mm_crc32_u64(crc, crc32c_word(at));
    for (; size; at++, size--)
        crc = _mm_crc32_u8((uint32_t)crc, *at);
    return (uint32_t)crc;
}
#endif

static inline uint32_t crc32c(const uint8_t *at, size_t size)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("sse4.2"))
        return ~crc32c_by_sse(~0u, at, size);
#endif
    return ~crc32c_by_table(~0u, at, size);
}

#endif
