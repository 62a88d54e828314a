/* 3x3 convolutions with "same" padding over small maps, and their weights' gradient, on CPUs that multiply tiles (AMX).
 *
 * A library's convolution of a map of 8x8 pixels spends most of its time beside the products. Here a map lies in a plane
 * with zeros around it; pixels are numbered through that plane, so that 16 pixels and their neighbours at a fixed offset
 * are the rows of a tile as they lie, and no patches are copied. What is computed for the numbers between two rows of
 * the map is left out. Values are in bfloat16, sums in float32. tiles.py checks types, shapes and layouts.
 */
#include "_native.h"
#include <stdlib.h>

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FOR_TILES __attribute__((target("amx-tile,amx-bf16,avx512f")))
enum { SIDE = 16, DEEP = 32, TAPS = 9, WORDS = SIDE * SIDE }; /* a tile: 16 rows of 32 values or of 16 sums */
enum { ASK = 0x1023, TILE_DATA = 18 };                        /* arch_prctl's request for the state of tiles */

typedef struct {
    long n, height, width, in, out, wide, pixels; /* of a plane: its width and its number of pixels */
} Maps;

typedef struct {
    uint8_t palette, start, none[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} __attribute__((packed, aligned(64))) Tiles;

static int has_tiles(void) {
    unsigned a, b, c, d;
    if (!__builtin_cpu_supports("avx512f") || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    return d >> 22 & 1 && d >> 24 & 1 && !syscall(SYS_arch_prctl, ASK, TILE_DATA);
}

/* 16 x 16 words, rows `from` apart, to columns. */
FOR_TILES static void turn(const uint32_t *x, long from, uint32_t *y, long to) {
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
FOR_TILES static void pair(const uint16_t *x, const uint16_t *z, uint32_t *y, long count) {
    for (long k = 0; k < count; k += SIDE) {
        __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)(x + k)));
        __m512i high = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)(z + k)));
        _mm512_storeu_si512(y + k, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
    }
}

/* Maps [N, H, W, C] into planes, whose first row and column of pixels are `border` zeros. */
static void lay(const Maps *s, const uint16_t *x, long channels, uint16_t *plane, long border) {
    for (long i = 0; i < s->n; i++, plane += s->pixels * channels)
        for (long r = 0; r < s->height; r++, x += s->width * channels)
            memcpy(plane + ((r + border) * s->wide + border) * channels, x, 2 * s->width * channels);
}

static const Tiles eight = {1, 0, {0}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};

/* A library that multiplies tiles too may rely on its own shapes of them: they are put back at the end. */
FOR_TILES static void begin(Tiles *before) {
    _tile_storeconfig(before);
    _tile_loadconfig(&eight);
}

FOR_TILES static void end(const Tiles *before) { _tile_loadconfig(before); }

/* 2 x 2 tiles of sums, or 1 x 2, over `steps` products; what is read moves on by `a` and `b` bytes at a step. */
#define PRODUCTS(TWO)                                                                                                  \
    do {                                                                                                               \
        _tile_loadd(4, a0, along);                                                                                     \
        _tile_loadd(6, b0, 64);                                                                                        \
        _tile_loadd(7, b1, 64);                                                                                        \
        _tile_dpbf16ps(0, 4, 6);                                                                                       \
        _tile_dpbf16ps(1, 4, 7);                                                                                       \
        if (TWO) {                                                                                                     \
            _tile_loadd(5, a1, along);                                                                                 \
            _tile_dpbf16ps(2, 5, 6);                                                                                   \
            _tile_dpbf16ps(3, 5, 7);                                                                                   \
        }                                                                                                              \
    } while (0)

/* planes [N, pixels, in], weights in tiles [out / 16][9][in / 32][16][16] of words -> y [N, H, W, out]. */
FOR_TILES static void convolve_planes(const Maps *s, const uint16_t *plane, const uint32_t *weights, uint16_t *y,
                                      float *sums) {
    long blocks = s->in / DEEP, along = 2 * s->in, tiles = (s->height * s->wide + SIDE - 1) / SIDE;
    for (long i = 0; i < s->n; i++, plane += s->pixels * s->in, y += s->height * s->width * s->out) {
        for (long o = 0; o < s->out; o += 2 * SIDE)
            for (long m = 0; m < tiles; m += 2) {
                const uint32_t *b0 = weights + o / SIDE * TAPS * blocks * WORDS, *b1 = b0 + TAPS * blocks * WORDS;
                int two = m + 1 < tiles;
                _tile_zero(0);
                _tile_zero(1);
                _tile_zero(2);
                _tile_zero(3);
                for (long tap = 0; tap < TAPS; tap++)
                    for (long k = 0; k < blocks; k++, b0 += WORDS, b1 += WORDS) {
                        const uint16_t *a0 = plane + (m * SIDE + tap / 3 * s->wide + tap % 3) * s->in + k * DEEP;
                        const uint16_t *a1 = a0 + SIDE * s->in;
                        PRODUCTS(two);
                    }
                float *to = sums + m * SIDE * s->out + o;
                _tile_stored(0, to, 4 * s->out);
                _tile_stored(1, to + SIDE, 4 * s->out);
                if (two) {
                    to += SIDE * s->out;
                    _tile_stored(2, to, 4 * s->out);
                    _tile_stored(3, to + SIDE, 4 * s->out);
                }
            }
        for (long r = 0; r < s->height; r++)
            for (long c = 0; c < s->width * s->out; c += LANES)
                write_bf16(y + r * s->width * s->out + c, read_f32(sums + r * s->wide * s->out + c, LANES), LANES);
    }
}

/* Gradients in tiles [out / 16][steps][16][16] of words, planes in pairs of pixels from even and from odd numbers
 * [pairs, in] -> the weights' gradient [out, 3, 3, in]. */
FOR_TILES static void weight_of_planes(const Maps *s, const uint32_t *of_y, const uint32_t *even, const uint32_t *odd,
                                       uint16_t *of_weight, long steps) {
    float sums[4 * WORDS];
    long along = 64;
    for (long tap = 0; tap < TAPS; tap++)
        for (long c = 0; c < s->in; c += 2 * SIDE)
            for (long o = 0; o < s->out; o += 2 * SIDE) {
                const uint32_t *a0 = of_y + o / SIDE * steps * WORDS, *a1 = a0 + steps * WORDS;
                const uint32_t *x = (tap % 3 == 1 ? odd : even) + (tap / 3 * s->wide + (tap % 3 & 2)) / 2 * s->in + c;
                _tile_zero(0);
                _tile_zero(1);
                _tile_zero(2);
                _tile_zero(3);
                for (long k = 0; k < steps; k++, a0 += WORDS, a1 += WORDS, x += SIDE * s->in) {
                    _tile_loadd(4, a0, along);
                    _tile_loadd(5, a1, along);
                    _tile_loadd(6, x, 4 * s->in);
                    _tile_loadd(7, x + SIDE, 4 * s->in);
                    _tile_dpbf16ps(0, 4, 6);
                    _tile_dpbf16ps(1, 4, 7);
                    _tile_dpbf16ps(2, 5, 6);
                    _tile_dpbf16ps(3, 5, 7);
                }
                _tile_stored(0, sums, 128);
                _tile_stored(1, sums + SIDE, 128);
                _tile_stored(2, sums + 2 * WORDS, 128);
                _tile_stored(3, sums + 2 * WORDS + SIDE, 128);
                for (long k = 0; k < 4 * WORDS; k += LANES)
                    write_bf16(of_weight + ((o + k / DEEP) * TAPS + tap) * s->in + c + k % DEEP,
                               read_f32(sums + k, LANES), LANES);
            }
}

static int shaped(Maps *s) {
    s->wide = s->width + 2, s->pixels = (s->height + 2) * s->wide;
    return s->n > 0 && s->in % DEEP == 0 && s->out % DEEP == 0 && s->wide % 2 == 0;
}

/* Weights [out, 3, 3, in] as tiles of pairs of the channels that are summed over; of the adjoint: turned round. */
FOR_TILES static void pack(const Maps *s, const uint16_t *w, uint32_t *to, int adjoint) {
    for (long o = 0; o < s->out; o += SIDE)
        for (long tap = 0; tap < TAPS; tap++)
            for (long k = 0; k < s->in; k += DEEP, to += WORDS)
                if (adjoint) /* w is [in, 3, 3, out] of this convolution */
                    for (long i = 0; i < SIDE; i++) {
                        const uint16_t *row = w + ((k + 2 * i) * TAPS + TAPS - 1 - tap) * s->out + o;
                        pair(row, row + TAPS * s->out, to + i * SIDE, SIDE);
                    }
                else
                    turn((const uint32_t *)(w + (o * TAPS + tap) * s->in + k), TAPS * s->in / 2, to, SIDE);
}

/* Memory of a thread, the same at each call so that it is at hand in its cache; the first `zeros` bytes are 0. */
static void *room(size_t bytes, size_t zeros) {
    static _Thread_local char *memory;
    static _Thread_local size_t size;
    if (size < bytes) {
        free(memory);
        size = (bytes + 63) / 64 * 64;
        memory = aligned_alloc(64, size);
        if (!memory) size = 0;
    }
    if (memory) memset(memory, 0, zeros);
    return memory;
}

PyObject *tiles_convolve(PyObject *self, PyObject *arguments) {
    unsigned long long x, w, y;
    int adjoint;
    Maps s;
    if (!PyArg_ParseTuple(arguments, "KKKlllllp", &x, &w, &y, &s.n, &s.height, &s.width, &s.in, &s.out, &adjoint))
        return NULL;
    if (!shaped(&s)) return PyErr_Format(PyExc_ValueError, "channels must be multiples of 32, widths even");
    long ends = (2 * s.wide + 2 + 2 * SIDE) * s.in; /* read beyond the last plane */
    size_t planes = 2 * (s.n * s.pixels * s.in + ends), packed = 2 * TAPS * s.in * s.out;
    size_t sums = 4 * (s.height * s.wide + 2 * SIDE) * s.out;
    planes = (planes + 63) / 64 * 64;
    char *memory = room(planes + packed + sums, planes);
    if (!memory) return PyErr_NoMemory();
    Tiles before;
    Py_BEGIN_ALLOW_THREADS
    lay(&s, (void *)x, s.in, (void *)memory, 1);
    pack(&s, (void *)w, (void *)(memory + planes), adjoint);
    begin(&before);
    convolve_planes(&s, (void *)memory, (void *)(memory + planes), (void *)y, (void *)(memory + planes + packed));
    end(&before);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

FOR_TILES static void weigh(const Maps *s, const uint16_t *g, const uint16_t *x, uint16_t *of_weight, char *memory,
                            long steps) {
    long all = steps * DEEP, far = all + 2 * s->wide + 2;
    uint16_t *of_y = (uint16_t *)memory, *planes = of_y + all * s->out;
    uint32_t *turned = (uint32_t *)(planes + (far + 2) * s->in), *paired = turned + all * s->out / 2;
    uint32_t *even = paired + SIDE * s->out, *odd = even + far / 2 * s->in;
    lay(s, g, s->out, of_y, 0);
    lay(s, x, s->in, planes, 1);
    for (long step = 0; step < steps; step++) {
        for (long i = 0; i < SIDE; i++) {
            const uint16_t *row = of_y + (step * DEEP + 2 * i) * s->out;
            pair(row, row + s->out, paired + i * s->out, s->out);
        }
        for (long o = 0; o < s->out; o += SIDE) turn(paired + o, s->out, turned + (o / SIDE * steps + step) * WORDS, SIDE);
    }
    for (long k = 0; k < far / 2; k++) {
        const uint16_t *row = planes + 2 * k * s->in;
        pair(row, row + s->in, even + k * s->in, s->in);
        pair(row + s->in, row + 2 * s->in, odd + k * s->in, s->in);
    }
    Tiles before;
    begin(&before);
    weight_of_planes(s, turned, even, odd, of_weight, steps);
    end(&before);
}

PyObject *tiles_weight(PyObject *self, PyObject *arguments) {
    unsigned long long g, x, of_weight;
    Maps s;
    if (!PyArg_ParseTuple(arguments, "KKKlllll", &g, &x, &of_weight, &s.n, &s.height, &s.width, &s.in, &s.out))
        return NULL;
    if (!shaped(&s)) return PyErr_Format(PyExc_ValueError, "channels must be multiples of 32, widths even");
    long steps = (s.n * s.pixels + DEEP - 1) / DEEP, all = steps * DEEP, far = all + 2 * s.wide + 2;
    size_t zeros = 2 * all * s.out + 2 * (far + 2) * s.in;
    char *memory = room(zeros + 2 * all * s.out + 4 * SIDE * s.out + 4 * far * s.in, zeros);
    if (!memory) return PyErr_NoMemory();
    Py_BEGIN_ALLOW_THREADS
    weigh(&s, (void *)g, (void *)x, (void *)of_weight, memory, steps);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}
#else
static int has_tiles(void) { return 0; }

PyObject *tiles_convolve(PyObject *self, PyObject *arguments) { Py_RETURN_NOTIMPLEMENTED; }

PyObject *tiles_weight(PyObject *self, PyObject *arguments) { Py_RETURN_NOTIMPLEMENTED; }
#endif

PyObject *tiles(PyObject *self, PyObject *arguments) { return PyBool_FromLong(has_tiles()); }
