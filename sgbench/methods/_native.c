/* Instance norm with leaky ReLU on a CPU, in float32 or bfloat16, over maps in channels-last layout [N, P, C].
 *
 * What torch's operators do in a dozen passes over memory is done in two. Each image is treated alone, so that its part
 * of the map is still in the cache when it is read again. Sums are taken in float32 over a few rows and added up in
 * float64, around the image's first row, so that a large mean costs no digits.
 *
 * Python hands over addresses of contiguous memory; norms.py checks types, shapes and layouts.
 */
#include "_native.h"
#include <math.h>

enum { ROWS = 64 }; /* rows whose sums are taken in float32 */
typedef struct {
    const float *weight, *bias;
    float eps, slope;
    long n, p, c;
} Norm;

INLINE Floats leaky(Floats v, Floats by, float slope) { /* v where `by` is positive, else slope * v */
    Words positive = (Words)(by > 0);
    return (Floats)(((Words)v & positive) | ((Words)(v * slope) & ~positive));
}

#define DEFINE(KIND, TYPE)                                                                                             \
                                                                                                                       \
    /* A block of channels of one image. */                                                                            \
    INLINE void forward_block_##KIND(const Norm *norm, const TYPE *x, TYPE *y, float *mean_out, float *rstd_out,       \
                                     long first, long count) {                                                         \
        double total[LANES] = {0}, square[LANES] = {0};                                                                \
        long c = norm->c, p = norm->p;                                                                                 \
        Floats shift = read_##KIND(x, count);                                                                          \
        for (long start = 0; start < p; start += ROWS) {                                                               \
            long end = start + ROWS < p ? start + ROWS : p;                                                            \
            Floats part = {0}, part_square = {0};                                                                      \
            for (long r = start; r < end; r++) {                                                                       \
                Floats v = read_##KIND(x + r * c, count) - shift;                                                      \
                part += v;                                                                                             \
                part_square += v * v;                                                                                  \
            }                                                                                                          \
            for (long k = 0; k < LANES; k++) total[k] += part[k], square[k] += part_square[k];                         \
        }                                                                                                              \
        Floats mean, rstd;                                                                                             \
        for (long k = 0; k < LANES; k++) {                                                                             \
            double average = total[k] / p, variance = square[k] / p - average * average;                               \
            mean[k] = (float)(shift[k] + average);                                                                     \
            rstd[k] = (float)(1 / sqrt((variance > 0 ? variance : 0) + norm->eps));                                    \
        }                                                                                                              \
        write_f32(mean_out, mean, count);                                                                              \
        write_f32(rstd_out, rstd, count);                                                                              \
        Floats scale = rstd * read_f32(norm->weight + first, count), bias = read_f32(norm->bias + first, count);       \
        for (long r = 0; r < p; r++) {                                                                                 \
            Floats v = (read_##KIND(x + r * c, count) - mean) * scale + bias;                                          \
            write_##KIND(y + r * c, leaky(v, v, norm->slope), count);                                                  \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    INLINE void backward_block_##KIND(const Norm *norm, const TYPE *g, const TYPE *x, const float *mean_in,            \
                                      const float *rstd_in, TYPE *of_x, float *of_weight, float *of_bias, long first,  \
                                      long count) {                                                                    \
        double total[LANES] = {0}, product[LANES] = {0};                                                               \
        long c = norm->c, p = norm->p;                                                                                 \
        Floats mean = read_f32(mean_in, count), rstd = read_f32(rstd_in, count);                                       \
        Floats scale = rstd * read_f32(norm->weight + first, count), bias = read_f32(norm->bias + first, count);       \
        for (long start = 0; start < p; start += ROWS) {                                                               \
            long end = start + ROWS < p ? start + ROWS : p;                                                            \
            Floats part = {0}, part_product = {0};                                                                     \
            for (long r = start; r < end; r++) {                                                                       \
                Floats centred = read_##KIND(x + r * c, count) - mean;                                                 \
                Floats v = leaky(read_##KIND(g + r * c, count), centred * scale + bias, norm->slope);                  \
                part += v;                                                                                             \
                part_product += v * centred;                                                                           \
            }                                                                                                          \
            for (long k = 0; k < LANES; k++) total[k] += part[k], product[k] += part_product[k];                       \
        }                                                                                                              \
        Floats constant, along;                                                                                        \
        for (long k = 0; k < LANES; k++) {                                                                             \
            constant[k] = (float)(total[k] / p);                                                                       \
            along[k] = (float)(product[k] / p * rstd[k] * rstd[k]);                                                    \
        }                                                                                                              \
        for (long k = 0; k < count; k++) {                                                                             \
            of_weight[k] += (float)(product[k] * rstd[k]);                                                             \
            of_bias[k] += (float)total[k];                                                                             \
        }                                                                                                              \
        for (long r = 0; r < p; r++) {                                                                                 \
            Floats centred = read_##KIND(x + r * c, count) - mean;                                                     \
            Floats v = leaky(read_##KIND(g + r * c, count), centred * scale + bias, norm->slope);                      \
            write_##KIND(of_x + r * c, (v - constant - centred * along) * scale, count);                               \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    FOR_EACH_CPU static void forward_##KIND(const Norm *norm, const TYPE *x, TYPE *y, float *mean, float *rstd) {      \
        long c = norm->c, image = norm->p * c, k;                                                                      \
        for (long i = 0; i < norm->n; i++, x += image, y += image, mean += c, rstd += c) {                             \
            for (k = 0; k + LANES <= c; k += LANES)                                                                    \
                forward_block_##KIND(norm, x + k, y + k, mean + k, rstd + k, k, LANES);                                \
            if (k < c) forward_block_##KIND(norm, x + k, y + k, mean + k, rstd + k, k, c - k);                         \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    FOR_EACH_CPU static void backward_##KIND(const Norm *norm, const TYPE *g, const TYPE *x, const float *mean,        \
                                             const float *rstd, TYPE *of_x, float *of_weight, float *of_bias) {        \
        long c = norm->c, image = norm->p * c, k;                                                                      \
        memset(of_weight, 0, 4 * c);                                                                                   \
        memset(of_bias, 0, 4 * c);                                                                                     \
        for (long i = 0; i < norm->n; i++) {                                                                           \
            for (k = 0; k + LANES <= c; k += LANES)                                                                    \
                backward_block_##KIND(norm, g + k, x + k, mean + k, rstd + k, of_x + k, of_weight + k, of_bias + k, k, \
                                      LANES);                                                                          \
            if (k < c)                                                                                                 \
                backward_block_##KIND(norm, g + k, x + k, mean + k, rstd + k, of_x + k, of_weight + k, of_bias + k, k, \
                                      c - k);                                                                          \
            g += image, x += image, of_x += image, mean += c, rstd += c;                                               \
        }                                                                                                              \
    }

DEFINE(bf16, uint16_t)
DEFINE(f32, float)

/* `moments` holds the means, [N, C], and then the reciprocal deviations, [N, C]. */
static PyObject *norm_forward(PyObject *self, PyObject *arguments) {
    unsigned long long x, weight, bias, y, moments;
    int narrow;
    Norm norm;
    if (!PyArg_ParseTuple(arguments, "KKKKKlllffp", &x, &weight, &bias, &y, &moments, &norm.n, &norm.p, &norm.c,
                          &norm.eps, &norm.slope, &narrow))
        return NULL;
    norm.weight = (const float *)weight, norm.bias = (const float *)bias;
    float *mean = (float *)moments, *rstd = mean + norm.n * norm.c;
    Py_BEGIN_ALLOW_THREADS
    if (narrow)
        forward_bf16(&norm, (void *)x, (void *)y, mean, rstd);
    else
        forward_f32(&norm, (void *)x, (void *)y, mean, rstd);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *norm_backward(PyObject *self, PyObject *arguments) {
    unsigned long long g, x, weight, bias, moments, of_x, of_weight, of_bias;
    int narrow;
    Norm norm = {0};
    if (!PyArg_ParseTuple(arguments, "KKKKKKKKlllfp", &g, &x, &weight, &bias, &moments, &of_x, &of_weight, &of_bias, &norm.n,
                          &norm.p, &norm.c, &norm.slope, &narrow))
        return NULL;
    norm.weight = (const float *)weight, norm.bias = (const float *)bias;
    const float *mean = (const float *)moments, *rstd = mean + norm.n * norm.c;
    Py_BEGIN_ALLOW_THREADS
    if (narrow)
        backward_bf16(&norm, (void *)g, (void *)x, mean, rstd, (void *)of_x, (void *)of_weight, (void *)of_bias);
    else
        backward_f32(&norm, (void *)g, (void *)x, mean, rstd, (void *)of_x, (void *)of_weight, (void *)of_bias);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"norm_forward", norm_forward, METH_VARARGS,
     "Addresses of x, weight, bias, y, moments; N, P, C, eps, slope, whether bfloat16."},
    {"norm_backward", norm_backward, METH_VARARGS,
     "Addresses of g, x, weight, bias, moments, of_x, of_weight, of_bias; N, P, C, slope, whether bfloat16."},
    {"unfold", unfold, METH_VARARGS,
     "Addresses of x, z; bytes of a number; N, H, W, C; kernel, stride, zeros above and left; rows and columns of places."},
    {"fold", fold, METH_VARARGS,
     "Addresses of z, y; N, H, W, C; kernel, stride, zeros above and left; rows and columns; whether bfloat16."},
    {"adam", adam, METH_VARARGS,
     "A list of eight numbers for each parameter, as adam.py gives them; rate, beta1, beta2, eps."},
    {"tiles", tiles, METH_NOARGS, "Whether the CPU multiplies tiles of bfloat16, and the system lets us."},
    {"tiles_convolve", tiles_convolve, METH_VARARGS,
     "Addresses of x, weight, bias (or 0), y; N, H, W, C; kernel, stride, zeros above and left; rows, columns, channels."},
    {"tiles_spread", tiles_spread, METH_VARARGS, "The adjoint: addresses of y, weight, bias (or 0), x; the same shape."},
    {"tiles_weight", tiles_weight, METH_VARARGS, "Addresses of the gradient of y, x, 0, that of weight; the same shape."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_native", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__native(void) {
    PyObject *built = PyModule_Create(&module);
    if (built && PyModule_AddIntConstant(built, "INTERFACE", 4) < 0) { /* raised when a function takes other arguments */
        Py_DECREF(built);
        return NULL;
    }
    return built;
}
