/* What convolutions by tiles (AMX) share: shapes, maps in planes, and the product of tiles.
 *
 * A map lies in a plane with zeros around it. Its places are numbered through that plane, so that 16 places one after
 * another, as far as a row of the kernel sees, are the rows of a tile as they lie, and no patches are copied. What is
 * computed for the numbers between two rows of the map is left out. Values are in bfloat16, sums in float32.
 */
#ifndef SGBENCH_TILES_H
#define SGBENCH_TILES_H
#include "_native.h"

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11
#define HAS_TILES 1
#include <immintrin.h>

#define FOR_TILES __attribute__((target("amx-tile,amx-bf16,avx512f")))
enum { SIDE = 16, DEEP = 32, WORDS = SIDE * SIDE }; /* a tile: 16 rows of 32 values or of 16 sums */

typedef struct { /* a "same" convolution of N maps: of its input, of its output; zeros above and left */
    long n, height, width, in, kernel, stride, top, left, rows, columns, out;
} Shape;

typedef struct { /* maps laid in planes, rows apart by their number modulo `step`, zeros around them */
    uint16_t *values;
    long n, channels, step, rows, line; /* rows of a map in each part; places in a row, `step` pixels each */
    long part;                          /* values in a part */
} Planes;

/* 16 x 16 words, rows `from` apart, to columns. */
FOR_TILES static inline void turn(const uint32_t *x, long from, uint32_t *y, long to) {
    __m512i a[SIDE], b[SIDE];
    for (int k = 0; k < SIDE; k++) a[k] = _mm512_loadu_si512(x + k * from);
    for (int k = 0; k < SIDE; k += 2) {
        b[k] = _mm512_unpacklo_epi32(a[k], a[k + 1]);
        b[k + 1] = _mm512_unpackhi_epi32(a[k], a[k + 1]);
    }
    for (int k = 0; k < SIDE; k += 4) {
        a[k] = _mm512_unpacklo_epi64(b[k], b[k + 2]);
        a[k + 1] = _mm512_unpackhi_epi64(b[k], b[k + 2]);
        a[k + 2] = _mm512_unpacklo_epi64(b[k + 1], b[k + 3]);
        a[k + 3] = _mm512_unpackhi_epi64(b[k + 1], b[k + 3]);
    }
    for (int k = 0; k < SIDE; k += 8)
        for (int i = 0; i < 4; i++) {
            b[k + i] = _mm512_shuffle_i32x4(a[k + i], a[k + i + 4], 0x88);
            b[k + i + 4] = _mm512_shuffle_i32x4(a[k + i], a[k + i + 4], 0xdd);
        }
    for (int i = 0; i < 8; i++) {
        _mm512_storeu_si512(y + i * to, _mm512_shuffle_i32x4(b[i], b[i + 8], 0x88));
        _mm512_storeu_si512(y + (i + 8) * to, _mm512_shuffle_i32x4(b[i], b[i + 8], 0xdd));
    }
}

/* Two rows of values to one of pairs. */
FOR_TILES static inline void pair(const uint16_t *x, const uint16_t *z, uint32_t *y, long count) {
    for (long k = 0; k < count; k += SIDE) {
        __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)(x + k)));
        __m512i high = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)(z + k)));
        _mm512_storeu_si512(y + k, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
    }
}

static inline long up(long value, long to) { return (value + to - 1) / to * to; }

/* Maps [N, height, width, C]; what does not fit is left out. */
static inline void lay(const Planes *p, const uint16_t *x, long height, long width, long top, long left) {
    long c = p->channels, pixels = p->line * p->step, whole = pixels - left < width ? pixels - left : width;
    for (long i = 0; i < p->n; i++)
        for (long r = 0; r < height; r++, x += width * c) {
            long at = r + top, row = at / p->step;
            uint16_t *to = p->values + at % p->step * p->part + ((i * p->rows + row) * pixels + left) * c;
            if (row < p->rows) memcpy(to, x, 2 * whole * c);
        }
}

/* Sizes of planes for a convolution's input, places in even numbers; bytes, with what is read beyond the end. */
static inline size_t plan(Planes *p, const Shape *s) {
    long more = (s->kernel - 1) / s->stride;
    *p = (Planes){NULL, s->n, s->in, s->stride, s->rows + more, up(s->columns + more, 2), 0};
    p->part = p->n * p->rows * p->line * p->step * p->channels;
    return 2 * up(p->step * p->part + (2 * DEEP + s->kernel) * p->step * p->channels + s->kernel * s->in + DEEP, DEEP);
}

/* All that was stored is in memory: GCC is not told that loads of tiles read it, and might store later. */
static inline void written(void) { __asm__ volatile("" ::: "memory"); }

/* 2 x 2 tiles of sums += 2 tiles of rows times 2 tiles of columns; of each there may be one alone. */
#define PRODUCTS(A0, A1, ALONG, B0, B1, ACROSS, TALL, WIDE)                                                            \
    do {                                                                                                               \
        _tile_loadd(4, A0, ALONG);                                                                                     \
        _tile_loadd(6, B0, ACROSS);                                                                                    \
        _tile_dpbf16ps(0, 4, 6);                                                                                       \
        if (WIDE) {                                                                                                    \
            _tile_loadd(7, B1, ACROSS);                                                                                \
            _tile_dpbf16ps(1, 4, 7);                                                                                   \
        }                                                                                                              \
        if (TALL) {                                                                                                    \
            _tile_loadd(5, A1, ALONG);                                                                                 \
            _tile_dpbf16ps(2, 5, 6);                                                                                   \
            if (WIDE) _tile_dpbf16ps(3, 5, 7);                                                                         \
        }                                                                                                              \
    } while (0)

/* Memory of a thread, the same at each call so that it is at hand in its cache; the first `zeros` bytes are 0. */
char *tiles_room(size_t bytes, size_t zeros);

/* g [N, rows, columns, out], x [N, H, W, C] -> the gradient of w [out, k, k, C]; 0 without memory */
int tiles_weigh(const Shape *s, const uint16_t *g, const uint16_t *x, uint16_t *of_w);
#endif
#endif
