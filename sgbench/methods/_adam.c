/* An update by Adam (Kingma and Ba, 2015) of a list of parameters on a CPU, in one call and one pass over memory.
 *
 * Gradients are float32 or bfloat16. A parameter's value in bfloat16 is written besides where there is room for it, so
 * that networks need not cast it. adam.py checks types and layouts.
 */
#include "_native.h"
#include <math.h>

typedef struct {
    float rate, of_first, of_second, keep_second, root, eps; /* rate over its correction; 1 - beta1; 1 - beta2; beta2 */
} Rule;

INLINE Floats roots(Floats v) {
    Floats r;
    for (int k = 0; k < LANES; k++) r[k] = sqrtf(v[k]);
    return r;
}

#define DEFINE(KIND, TYPE)                                                                                             \
                                                                                                                       \
    INLINE void block_##KIND(const Rule *rule, float *p, const TYPE *g, float *m, float *v, uint16_t *low,             \
                             long count) {                                                                             \
        Floats grad = read_##KIND(g, count), first = read_f32(m, count), second = read_f32(v, count);                  \
        first += (grad - first) * rule->of_first;                                                                      \
        second = second * rule->keep_second + grad * grad * rule->of_second;                                           \
        Floats value = read_f32(p, count) - first * rule->rate / (roots(second) * rule->root + rule->eps);             \
        write_f32(m, first, count);                                                                                    \
        write_f32(v, second, count);                                                                                   \
        write_f32(p, value, count);                                                                                    \
        if (low) write_bf16(low, value, count);                                                                        \
    }                                                                                                                  \
                                                                                                                       \
    FOR_EACH_CPU static void update_##KIND(const Rule *rule, float *p, const TYPE *g, float *m, float *v,              \
                                           uint16_t *low, long size) {                                                 \
        long k = 0;                                                                                                    \
        for (; k + LANES <= size; k += LANES)                                                                          \
            block_##KIND(rule, p + k, g + k, m + k, v + k, low ? low + k : NULL, LANES);                               \
        if (k < size) block_##KIND(rule, p + k, g + k, m + k, v + k, low ? low + k : NULL, size - k);                  \
    }

DEFINE(bf16, uint16_t)
DEFINE(f32, float)

enum { FIELDS = 8 };

/* A list of FIELDS numbers for each parameter: addresses of the parameter, its gradient, both moments, the number of
 * steps (a float, raised by 1) and the bfloat16 copy (0: none); its size; whether the gradient is in bfloat16. */
PyObject *adam(PyObject *self, PyObject *arguments) {
    PyObject *list;
    double rate, beta1, beta2, eps;
    if (!PyArg_ParseTuple(arguments, "O!dddd", &PyList_Type, &list, &rate, &beta1, &beta2, &eps)) return NULL;
    Py_ssize_t length = PyList_GET_SIZE(list);
    unsigned long long *fields = PyMem_Malloc(length * sizeof *fields + 1);
    if (!fields) return PyErr_NoMemory();
    for (Py_ssize_t k = 0; k < length; k++) fields[k] = PyLong_AsUnsignedLongLong(PyList_GET_ITEM(list, k));
    if (PyErr_Occurred()) {
        PyMem_Free(fields);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    for (unsigned long long *f = fields; f + FIELDS <= fields + length; f += FIELDS) {
        float *step = (float *)f[4];
        double steps = *step += 1;
        Rule rule = {(float)(rate / (1 - pow(beta1, steps))),     (float)(1 - beta1), (float)(1 - beta2), (float)beta2,
                     (float)(1 / sqrt(1 - pow(beta2, steps))), (float)eps};
        if (f[7])
            update_bf16(&rule, (void *)f[0], (void *)f[1], (void *)f[2], (void *)f[3], (void *)f[5], (long)f[6]);
        else
            update_f32(&rule, (void *)f[0], (void *)f[1], (void *)f[2], (void *)f[3], (void *)f[5], (long)f[6]);
    }
    Py_END_ALLOW_THREADS
    PyMem_Free(fields);
    Py_RETURN_NONE;
}
