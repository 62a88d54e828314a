/* What the sources of the extension share: vectors of numbers, read and written in float32 or bfloat16. */
#ifndef SGBENCH_NATIVE_H
#define SGBENCH_NATIVE_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define FOR_EACH_CPU __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FOR_EACH_CPU
#endif
#define INLINE static inline __attribute__((always_inline))

enum { LANES = 16 }; /* numbers that are treated at once */
typedef float Floats __attribute__((vector_size(4 * LANES)));
typedef uint32_t Words __attribute__((vector_size(4 * LANES)));
typedef uint16_t Halves __attribute__((vector_size(2 * LANES)));

/* `count` of LANES numbers, the rest 0. */
INLINE Floats read_f32(const float *from, long count) {
    Floats v = {0};
    memcpy(&v, from, 4 * count);
    return v;
}

INLINE void write_f32(float *to, Floats v, long count) { memcpy(to, &v, 4 * count); }

/* Loops, since compilers make one instruction of each, and several of __builtin_convertvector. */
INLINE Floats read_bf16(const uint16_t *from, long count) {
    Halves h = {0};
    memcpy(&h, from, 2 * count);
    Words w;
    for (int k = 0; k < LANES; k++) w[k] = (uint32_t)h[k] << 16;
    return (Floats)w;
}

INLINE void write_bf16(uint16_t *to, Floats v, long count) { /* to the nearest, halves to even, as torch does */
    Words bits = (Words)v, is_nan = (Words)(v != v);
    bits = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    bits = (bits & ~is_nan) | (is_nan & 0x7fc0);
    Halves h;
    for (int k = 0; k < LANES; k++) h[k] = (uint16_t)bits[k];
    memcpy(to, &h, 2 * count);
}

PyObject *unfold(PyObject *self, PyObject *arguments);
PyObject *fold(PyObject *self, PyObject *arguments);
PyObject *adam(PyObject *self, PyObject *arguments);
PyObject *tiles(PyObject *self, PyObject *arguments);
PyObject *tiles_convolve(PyObject *self, PyObject *arguments);
PyObject *tiles_spread(PyObject *self, PyObject *arguments);
PyObject *tiles_weight(PyObject *self, PyObject *arguments);

#endif
