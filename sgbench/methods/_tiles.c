/* "Same" convolutions and their adjoints on CPUs that multiply tiles (AMX). tiles.py checks types and layouts.
 *
 * For small networks a library's convolution spends most of its time beside the products.
 */
#include "_tiles.h"

#ifdef HAS_TILES
#include <cpuid.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ASK = 0x1023, TILE_DATA = 18 }; /* arch_prctl's request for the state of tiles */

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

static const Tiles eight = {1, 0, {0}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};

/* A library that multiplies tiles too may rely on its own shapes of them: they are put back at the end. */
FOR_TILES static void begin(Tiles *before) {
    _tile_storeconfig(before);
    _tile_loadconfig(&eight);
}

FOR_TILES static void end(const Tiles *before) { _tile_loadconfig(before); }

static pthread_key_t key; /* of a thread's memory, which is freed at its end */
static int has_key;

static void make_key(void) { has_key = !pthread_key_create(&key, free); }

char *tiles_room(size_t bytes, size_t zeros) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static _Thread_local char *memory;
    static _Thread_local size_t size;
    if (size < bytes) {
        pthread_once(&once, make_key);
        free(memory);
        size = (bytes + 63) / 64 * 64;
        memory = aligned_alloc(64, size);
        if (!memory) size = 0;
        if (has_key) pthread_setspecific(key, memory);
    }
    if (memory) memset(memory, 0, zeros);
    return memory;
}

typedef struct { /* products of planes' rows of a kernel with weights, and where the results go */
    const Planes *planes;
    const uint32_t *weights; /* tiles [columns / 16][kernel's rows][blocks] */
    const uint16_t *bias;    /* or NULL */
    uint16_t *to;
    long first, taps, blocks, columns;         /* where in a part the first row starts; rows; columns / 16 */
    long rows, places, image, row, place, out; /* of results: how many, and how far apart in `to`; channels */
} Task;

enum { BLOCK = 8 }; /* tiles of rows whose sums are kept at once */

FOR_TILES static void carry_out(const Task *t, float *sums) {
    const Planes *p = t->planes;
    long pixel = p->step * p->channels, line = p->line * pixel, wide = t->columns * SIDE;
    long numbers = (t->rows - 1) * p->line + t->places, tiles = (numbers + SIDE - 1) / SIDE;
    written();
    for (long i = 0; i < p->n; i++)
        for (long start = 0; start < tiles; start += BLOCK) {
            long end = start + BLOCK < tiles ? start + BLOCK : tiles;
            for (long o = 0; o < t->columns; o += 2)
                for (long m = start; m < end; m += 2) {
                    const uint32_t *b0 = t->weights + o * t->taps * t->blocks * WORDS;
                    const uint32_t *b1 = b0 + t->taps * t->blocks * WORDS;
                    const uint16_t *image = p->values + i * p->rows * line + t->first + m * SIDE * pixel;
                    int tall = m + 1 < end, broad = o + 1 < t->columns;
                    _tile_zero(0);
                    _tile_zero(1);
                    _tile_zero(2);
                    _tile_zero(3);
                    for (long tap = 0; tap < t->taps; tap++) {
                        const uint16_t *a = image + tap % p->step * p->part + tap / p->step * line;
                        for (long k = 0; k < t->blocks; k++, a += DEEP, b0 += WORDS, b1 += WORDS)
                            PRODUCTS(a, a + SIDE * pixel, 2 * pixel, b0, b1, 64, tall, broad);
                    }
                    float *to = sums + (m - start) * SIDE * wide + o * SIDE;
                    _tile_stored(0, to, 4 * wide);
                    if (broad) _tile_stored(1, to + SIDE, 4 * wide);
                    if (tall) _tile_stored(2, to + SIDE * wide, 4 * wide);
                    if (tall && broad) _tile_stored(3, to + SIDE * wide + SIDE, 4 * wide);
                }
            long r = start * SIDE / p->line, c = start * SIDE % p->line;
            const float *from = sums;
            for (long m = start * SIDE; m < end * SIDE && r < t->rows; m++, from += wide) {
                uint16_t *to = t->to + i * t->image + r * t->row + c * t->place;
                if (c < t->places)
                    for (long o = 0; o < t->out; o += LANES) {
                        long count = t->out - o < LANES ? t->out - o : LANES;
                        Floats v = read_f32(from + o, LANES);
                        if (t->bias) v += read_bf16(t->bias + o, count);
                        if (count == LANES)
                            write_bf16(to + o, v, LANES);
                        else
                            write_bf16(to + o, v, count);
                    }
                if (++c == p->line) c = 0, r++;
            }
        }
}

/* x [N, H, W, C], w [out, k, k, C], bias [out] -> y [N, rows, columns, out] */
FOR_TILES static int convolve(const Shape *s, const uint16_t *x, const uint16_t *w, const uint16_t *bias, uint16_t *y) {
    Planes planes;
    long own = s->kernel * s->in, padded = up(own, DEEP), columns = up(s->out, SIDE) / SIDE;
    size_t laid = plan(&planes, s), weights = 2 * columns * SIDE * s->kernel * padded;
    char *memory = tiles_room(laid + 2 * weights + 4 * BLOCK * WORDS * columns, laid + weights);
    if (!memory) return 0;
    planes.values = (uint16_t *)memory;
    uint16_t *wide = (uint16_t *)(memory + laid);
    uint32_t *packed = (uint32_t *)(memory + laid + weights), *to = packed;
    lay(&planes, x, s->height, s->width, s->top, s->left);
    for (long k = 0; k < s->out * s->kernel; k++) memcpy(wide + k * padded, w + k * own, 2 * own);
    for (long o = 0; o < columns * SIDE; o += SIDE)
        for (long tap = 0; tap < s->kernel; tap++)
            for (long k = 0; k < padded; k += DEEP, to += WORDS)
                turn((uint32_t *)(wide + (o * s->kernel + tap) * padded + k), s->kernel * padded / 2, to, SIDE);
    Task task = {&planes, packed, bias, y, 0, s->kernel, padded / DEEP, columns, s->rows, s->columns,
                 s->rows * s->columns * s->out, s->columns * s->out, s->out, s->out};
    carry_out(&task, (float *)(memory + laid + 2 * weights));
    return 1;
}

typedef struct { /* of an adjoint's results every `stride`-th row or column: the first, how many; taps; zeros before */
    long first, count, taps, before;
} Class;

static Class class_of(long k, long side, long kernel, long stride, long before) {
    long first = ((k - before) % stride + stride) % stride, taps = (kernel - k + stride - 1) / stride;
    long count = first < side ? (side - first + stride - 1) / stride : 0;
    return (Class){first, count, taps, taps - 1 - (first + before) / stride};
}

/* The adjoint: g [N, rows, columns, out], w [out, k, k, C], bias [C] -> y [N, H, W, C] */
FOR_TILES static int spread(const Shape *s, const uint16_t *g, const uint16_t *w, const uint16_t *bias, uint16_t *y) {
    long top = 0, left = 0, tall = s->rows, broad = s->columns, columns = up(s->in, SIDE) / SIDE, deepest = 0;
    for (long k = 0; k < s->stride; k++) {
        Class down = class_of(k, s->height, s->kernel, s->stride, s->top);
        Class along = class_of(k, s->width, s->kernel, s->stride, s->left);
        if (down.before > top) top = down.before;
        if (along.before > left) left = along.before;
        if (down.taps > deepest) deepest = down.taps;
    }
    for (long k = 0; k < s->stride; k++) {
        Class down = class_of(k, s->height, s->kernel, s->stride, s->top);
        Class along = class_of(k, s->width, s->kernel, s->stride, s->left);
        long rows = top - down.before + down.count - 1 + down.taps;
        long line = left - along.before + along.count - 1 + along.taps;
        if (rows > tall) tall = rows;
        if (line > broad) broad = line;
    }
    Planes planes = {NULL, s->n, s->out, 1, tall, broad, s->n * tall * broad * s->out};
    size_t laid = 2 * up(planes.part + (2 * DEEP + deepest) * s->out + DEEP, DEEP);
    size_t weights = 2 * up(s->out * s->kernel * s->kernel * columns * SIDE + columns * SIDE, DEEP);
    size_t packed = 2 * columns * SIDE * deepest * up(deepest * s->out, DEEP);
    char *memory = tiles_room(laid + weights + packed + 4 * BLOCK * WORDS * columns, laid + weights);
    if (!memory) return 0;
    planes.values = (uint16_t *)memory;
    uint16_t *wide = (uint16_t *)(memory + laid);
    lay(&planes, g, s->rows, s->columns, top, left);
    long rows_of_w = s->out * s->kernel * s->kernel, row = columns * SIDE;
    for (long k = 0; k < rows_of_w; k++) memcpy(wide + k * row, w + k * s->in, 2 * s->in);
    const uint16_t *zeros = wide + rows_of_w * row;
    for (long a = 0; a < s->stride; a++)
        for (long b = 0; b < s->stride; b++) {
            Class down = class_of(a, s->height, s->kernel, s->stride, s->top);
            Class along = class_of(b, s->width, s->kernel, s->stride, s->left);
            if (!down.count || !along.count) continue;
            long values = along.taps * s->out, blocks = up(values, DEEP) / DEEP;
            uint32_t *start = (uint32_t *)(memory + laid + weights), *to = start;
            for (long c = 0; c < columns * SIDE; c += SIDE)
                for (long tap = 0; tap < down.taps; tap++)
                    for (long v = 0; v < blocks * DEEP; v += 2, to += SIDE) {
                        const uint16_t *rows[2];
                        for (long e = 0; e < 2; e++) {
                            long at = (v + e) / s->out, o = (v + e) % s->out;
                            long i = a + s->stride * (down.taps - 1 - tap), j = b + s->stride * (along.taps - 1 - at);
                            rows[e] = v + e < values ? wide + ((o * s->kernel + i) * s->kernel + j) * row + c : zeros;
                        }
                        pair(rows[0], rows[1], to, SIDE);
                    }
            Task task = {&planes, start, bias,
                         y + (down.first * s->width + along.first) * s->in,
                         ((top - down.before) * broad + left - along.before) * s->out,
                         down.taps, blocks, columns, down.count, along.count,
                         s->height * s->width * s->in, s->stride * s->width * s->in, s->stride * s->in, s->in};
            carry_out(&task, (float *)(memory + laid + weights + packed));
        }
    return 1;
}

typedef int Way(const Shape *, const uint16_t *, const uint16_t *, const uint16_t *, uint16_t *);

static PyObject *called(PyObject *arguments, Way *way) {
    unsigned long long a, b, bias, to;
    Shape s;
    if (!PyArg_ParseTuple(arguments, "KKKKlllllllllll", &a, &b, &bias, &to, &s.n, &s.height, &s.width, &s.in, &s.kernel,
                          &s.stride, &s.top, &s.left, &s.rows, &s.columns, &s.out))
        return NULL;
    int done;
    Tiles before;
    Py_BEGIN_ALLOW_THREADS
    begin(&before);
    done = way(&s, (void *)a, (void *)b, (void *)bias, (void *)to);
    end(&before);
    Py_END_ALLOW_THREADS
    if (!done) return PyErr_NoMemory();
    Py_RETURN_NONE;
}

static int weigh_without(const Shape *s, const uint16_t *g, const uint16_t *x, const uint16_t *none, uint16_t *of_w) {
    return tiles_weigh(s, g, x, of_w);
}

PyObject *tiles_convolve(PyObject *self, PyObject *arguments) { return called(arguments, convolve); }

PyObject *tiles_spread(PyObject *self, PyObject *arguments) { return called(arguments, spread); }

PyObject *tiles_weight(PyObject *self, PyObject *arguments) { return called(arguments, weigh_without); }
#else
static int has_tiles(void) { return 0; }

PyObject *tiles_convolve(PyObject *self, PyObject *arguments) { Py_RETURN_NOTIMPLEMENTED; }

PyObject *tiles_spread(PyObject *self, PyObject *arguments) { Py_RETURN_NOTIMPLEMENTED; }

PyObject *tiles_weight(PyObject *self, PyObject *arguments) { Py_RETURN_NOTIMPLEMENTED; }
#endif

PyObject *tiles(PyObject *self, PyObject *arguments) { return PyBool_FromLong(has_tiles()); }
