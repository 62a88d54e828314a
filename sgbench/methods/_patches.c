/* What each place of a convolution looks at, as a row of a matrix, and the adjoint, on a CPU, in channels-last layout.
 *
 * torch's operators copy single rows of a kernel and add up one pixel of it after another, in several passes over memory
 * and with a call for each. Python hands over addresses of contiguous memory; unfolding.py checks types and layouts.
 */
#include "_native.h"
#include <stdlib.h>

typedef struct {
    long n, height, width, c, kernel, stride, top, left, rows, columns;
} Shape;

INLINE void copy(char *to, const char *from, long bytes) {
    for (; bytes >= 64; to += 64, from += 64, bytes -= 64) memcpy(to, from, 64);
    for (long part = 32; part; part /= 2)
        if (bytes & part) memcpy(to, from, part), to += part, from += part;
}

/* x [N, H, W, C] -> z [N, rows, columns, kernel, kernel, C]; `plane` holds an image with its zeros, and 64 bytes more. */
FOR_EACH_CPU static void unfold_images(const Shape *s, const char *x, char *z, char *plane, long size) {
    long pixel = s->c * size, line = ((s->columns - 1) * s->stride + s->kernel) * pixel, own = s->kernel * pixel;
    long tall = (s->rows - 1) * s->stride + s->kernel, within = line - s->left * pixel;
    const char *end = z + s->n * s->rows * s->columns * s->kernel * own;
    if (within > s->width * pixel) within = s->width * pixel;
    for (long i = 0; i < s->n; i++, x += s->height * s->width * pixel) {
        for (long r = 0; r < s->height && r + s->top < tall; r++)
            memcpy(plane + (r + s->top) * line + s->left * pixel, x + r * s->width * pixel, within);
        for (long r = 0; r < s->rows; r++)
            for (long j = 0; j < s->columns; j++) {
                const char *from = plane + r * s->stride * line + j * s->stride * pixel;
                for (long a = 0; a < s->kernel; a++, z += own, from += line)
                    if (own <= 64 && z + 64 <= end) /* what is too much is written over next */
                        memcpy(z, from, 64);
                    else
                        copy(z, from, own);
            }
    }
}

/* Of a kernel's rows (or columns) those that put a value to a row of the map: the first, and how many, `stride` apart. */
INLINE long reaching(long at, const Shape *s, long places, long *first) {
    long least = at - (places - 1) * s->stride, most = at < s->kernel ? at : s->kernel - 1;
    *first = least > at % s->stride ? least : at % s->stride;
    return most < *first ? 0 : (most - *first) / s->stride + 1;
}

#define DEFINE(KIND, TYPE)                                                                                             \
                                                                                                                       \
    /* z [N, rows, columns, kernel, kernel, C] -> y [N, H, W, C], sums in float32. */                                  \
    FOR_EACH_CPU static void fold_images_##KIND(const Shape *s, const TYPE *z, TYPE *y) {                              \
        long c = s->c, patch = s->kernel * s->kernel * c, a, b;                                                        \
        long down = s->stride * s->kernel * c - s->columns * patch, right = s->stride * c - patch;                     \
        for (long i = 0; i < s->n; i++, z += s->rows * s->columns * patch)                                             \
            for (long r = 0; r < s->height; r++) {                                                                     \
                long of_rows = reaching(r + s->top, s, s->rows, &a);                                                   \
                const TYPE *line = z + (r + s->top - a) / s->stride * s->columns * patch + a * s->kernel * c;          \
                for (long j = 0; j < s->width; j++, y += c) {                                                          \
                    long of_columns = reaching(j + s->left, s, s->columns, &b);                                        \
                    const TYPE *from = line + (j + s->left - b) / s->stride * patch + b * c;                           \
                    for (long k = 0; k < c; k += LANES) {                                                              \
                        long count = c - k < LANES ? c - k : LANES;                                                    \
                        Floats total = {0};                                                                            \
                        for (long u = 0; u < of_rows; u++)                                                             \
                            for (long v = 0; v < of_columns; v++) {                                                    \
                                const TYPE *one = from + u * down + v * right + k;                                     \
                                total += count == LANES ? read_##KIND(one, LANES) : read_##KIND(one, count);           \
                            }                                                                                          \
                        if (count == LANES)                                                                            \
                            write_##KIND(y + k, total, LANES);                                                         \
                        else                                                                                           \
                            write_##KIND(y + k, total, count);                                                         \
                    }                                                                                                  \
                }                                                                                                      \
            }                                                                                                          \
    }

DEFINE(bf16, uint16_t)
DEFINE(f32, float)

PyObject *unfold(PyObject *self, PyObject *arguments) {
    unsigned long long x, z;
    long size;
    Shape s;
    if (!PyArg_ParseTuple(arguments, "KKlllllllllll", &x, &z, &size, &s.n, &s.height, &s.width, &s.c, &s.kernel, &s.stride,
                          &s.top, &s.left, &s.rows, &s.columns))
        return NULL;
    long tall = (s.rows - 1) * s.stride + s.kernel, wide = (s.columns - 1) * s.stride + s.kernel;
    char *plane = calloc(tall * wide * s.c * size + 64, 1);
    if (!plane) return PyErr_NoMemory();
    Py_BEGIN_ALLOW_THREADS
    unfold_images(&s, (void *)x, (void *)z, plane, size);
    Py_END_ALLOW_THREADS
    free(plane);
    Py_RETURN_NONE;
}

PyObject *fold(PyObject *self, PyObject *arguments) {
    unsigned long long z, y;
    int narrow;
    Shape s;
    if (!PyArg_ParseTuple(arguments, "KKllllllllllp", &z, &y, &s.n, &s.height, &s.width, &s.c, &s.kernel, &s.stride,
                          &s.top, &s.left, &s.rows, &s.columns, &narrow))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    if (narrow)
        fold_images_bf16(&s, (void *)z, (void *)y);
    else
        fold_images_f32(&s, (void *)z, (void *)y);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}
