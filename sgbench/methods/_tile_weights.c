/* The gradient of a convolution's weights on CPUs that multiply tiles (AMX): a sum over all places of all maps.
 *
 * Two places one after another make a pair; a tile holds 16 pairs of 16 values that a row of the kernel sees.
 */
#include "_tiles.h"

#ifdef HAS_TILES
enum { AT_ONCE = 1 << 19 }; /* bytes of pairs that are made at once */

FOR_TILES int tiles_weigh(const Shape *whole, const uint16_t *g, const uint16_t *x, uint16_t *of_w) {
    Shape some = *whole, *s = &some;
    Planes planes, of_y;
    long own = s->kernel * s->in, padded = up(own, SIDE), columns = up(s->out, SIDE) / SIDE, across = padded / SIDE;
    plan(&planes, s);
    long of_one = planes.step * planes.rows * planes.line / 2 * padded * 4;
    s->n = AT_ONCE / of_one > 0 ? AT_ONCE / of_one : 1;
    if (s->n > whole->n) s->n = whole->n;
    size_t laid = plan(&planes, s);
    of_y = (Planes){NULL, s->n, s->out, 1, planes.rows, planes.line, s->n * planes.rows * planes.line * s->out};
    long numbers = s->n * planes.rows * planes.line, steps = (numbers + DEEP - 1) / DEEP;
    long pairs = steps * SIDE + (s->kernel - 1) / s->stride * planes.line / 2;
    laid += 2 * up((2 * pairs * planes.step - numbers * planes.step) * s->in + padded, DEEP);
    size_t gradients = 2 * steps * DEEP * s->out + 2 * DEEP, turned = 4 * columns * steps * WORDS;
    size_t paired = 4 * (columns + 1) * SIDE * SIDE, each = 4 * up(pairs * padded, SIDE);
    size_t total = 4 * columns * s->kernel * across * WORDS;
    gradients = up(gradients, 64);
    char *memory = tiles_room(laid + gradients + total + turned + paired + s->stride * each, laid + gradients + total);
    if (!memory) return 0;
    planes.values = (uint16_t *)memory, of_y.values = (uint16_t *)(memory + laid);
    float *sums = (float *)(memory + laid + gradients);
    uint32_t *tiles = (uint32_t *)(memory + laid + gradients + total), *row = tiles + columns * steps * WORDS;
    uint32_t *pairs_of = row + (columns + 1) * SIDE * SIDE;
    for (long i = 0; i < whole->n; i += s->n) {
        if (i + s->n > whole->n) { /* fewer maps: what others left in their places counts with gradients of 0 */
            planes.n = of_y.n = whole->n - i;
            memset(of_y.values, 0, gradients);
        }
        lay(&of_y, g + i * s->rows * s->columns * s->out, s->rows, s->columns, 0, 0);
        lay(&planes, x + i * s->height * s->width * s->in, s->height, s->width, s->top, s->left);
        for (long step = 0; step < steps; step++) {
            for (long k = 0; k < SIDE; k++) {
                const uint16_t *from = of_y.values + (step * DEEP + 2 * k) * s->out;
                pair(from, from + s->out, row + k * columns * SIDE, up(s->out, SIDE));
            }
            for (long o = 0; o < columns; o++)
                turn(row + o * SIDE, columns * SIDE, tiles + (o * steps + step) * WORDS, SIDE);
        }
        for (long part = 0; part < s->stride; part++)
            for (long k = 0; k < pairs; k++) {
                const uint16_t *from = planes.values + part * planes.part + 2 * k * s->stride * s->in;
                pair(from, from + s->stride * s->in, pairs_of + part * each / 4 + k * padded, padded);
            }
        written();
        for (long tap = 0; tap < s->kernel; tap++)
            for (long v = 0; v < across; v += 2)
                for (long o = 0; o < columns; o += 2) {
                    const uint32_t *a = tiles + o * steps * WORDS;
                    const uint32_t *b = pairs_of + tap % s->stride * each / 4 + v * SIDE;
                    b += tap / s->stride * planes.line / 2 * padded;
                    float *c = sums + ((tap * columns + o) * across + v) * WORDS;
                    int tall = o + 1 < columns, broad = v + 1 < across;
                    _tile_loadd(0, c, 64);
                    if (broad) _tile_loadd(1, c + WORDS, 64);
                    if (tall) _tile_loadd(2, c + across * WORDS, 64);
                    if (tall && broad) _tile_loadd(3, c + across * WORDS + WORDS, 64);
                    for (long k = 0; k < steps; k++, a += WORDS, b += SIDE * padded)
                        PRODUCTS(a, a + steps * WORDS, 64, b, b + SIDE, 4 * padded, tall, broad);
                    _tile_stored(0, c, 64);
                    if (broad) _tile_stored(1, c + WORDS, 64);
                    if (tall) _tile_stored(2, c + across * WORDS, 64);
                    if (tall && broad) _tile_stored(3, c + across * WORDS + WORDS, 64);
                }
    }
    for (long o = 0; o < s->out; o++)
        for (long tap = 0; tap < s->kernel; tap++)
            for (long v = 0; v < own; v += LANES) {
                const float *from = sums + ((tap * columns + o / SIDE) * across + v / SIDE) * WORDS + o % SIDE * SIDE;
                uint16_t *to = of_w + (o * s->kernel + tap) * own + v;
                if (own - v >= LANES)
                    write_bf16(to, read_f32(from, LANES), LANES);
                else
                    write_bf16(to, read_f32(from, LANES), own - v);
            }
    return 1;
}
#endif
