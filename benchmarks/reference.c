/* What a careful programmer writes by hand: the loops a splitting method needs, no more.
 *
 * A method is a list of substeps: flow[i] is 0 for a drift, 1 for a kick, and length[i]
 * is its length times dt. Momenta that neighbours share are not copied, sums are not
 * reordered, and the compiler vectorises what it can. REAL is double or float.
 */
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#ifndef REAL
#define REAL double
#endif

#define BLOCK 64

typedef struct {
    int count;
    const int *flow;
    const REAL *length;
} method;

static void drift(ptrdiff_t n, REAL h, const REAL *restrict inverse_mass, const REAL *restrict p,
                  REAL *restrict q) {
    for (ptrdiff_t i = 0; i < n; i++) q[i] += h * (inverse_mass[i] * p[i]);
}

/* q[-1] and q[n] exist, and coupling[i] joins i - 1 to i, zero at both ends. */
static void chain_kick(ptrdiff_t n, REAL h, const REAL *restrict k, const REAL *restrict beta,
                       const REAL *restrict coupling, const REAL *restrict q, REAL *restrict p) {
    for (ptrdiff_t i = 0; i < n; i++) {
        REAL x = q[i];
        REAL force = -x * (k[i] + beta[i] * (x * x)) - coupling[i] * (x - q[i - 1]) +
                     coupling[i + 1] * (q[i + 1] - x);
        p[i] += h * force;
    }
}

void chain(ptrdiff_t n, ptrdiff_t steps, int count, const int *flow, const REAL *length,
           const REAL *inverse_mass, const REAL *k, const REAL *beta, const REAL *coupling,
           REAL *q_out, REAL *p) {
    REAL *padded = calloc(n + 2, sizeof(REAL)), *q = padded + 1;
    memcpy(q, q_out, n * sizeof(REAL));
    for (ptrdiff_t step = 0; step < steps; step++)
        for (int s = 0; s < count; s++) {
            if (flow[s]) chain_kick(n, length[s], k, beta, coupling, q, p);
            else drift(n, length[s], inverse_mass, p, q);
        }
    memcpy(q_out, q, n * sizeof(REAL));
    free(padded);
}

/* The batch on the trailing axis, BLOCK samples at a time: [batch / BLOCK][n][BLOCK]. */
static void block_drift(ptrdiff_t n, REAL h, const REAL *restrict inverse_mass,
                        const REAL *restrict p, REAL *restrict q) {
    for (ptrdiff_t i = 0; i < n; i++)
        for (int b = 0; b < BLOCK; b++)
            q[i * BLOCK + b] += h * (inverse_mass[i] * p[i * BLOCK + b]);
}

static void block_kick(ptrdiff_t n, REAL h, const REAL *restrict k, const REAL *restrict beta,
                       const REAL *restrict coupling, const REAL *restrict q, REAL *restrict p) {
    for (ptrdiff_t i = 0; i < n; i++) {
        const REAL *restrict own = q + i * BLOCK, *restrict left = own - BLOCK,
                             *restrict right = own + BLOCK;
        for (int b = 0; b < BLOCK; b++) {
            REAL x = own[b];
            REAL force = -x * (k[i] + beta[i] * (x * x)) - coupling[i] * (x - left[b]) +
                         coupling[i + 1] * (right[b] - x);
            p[i * BLOCK + b] += h * force;
        }
    }
}

void chain_blocks(ptrdiff_t blocks, ptrdiff_t n, ptrdiff_t steps, int count, const int *flow,
                  const REAL *length, const REAL *inverse_mass, const REAL *k, const REAL *beta,
                  const REAL *coupling, REAL *q_all, REAL *p_all) {
    size_t size = n * BLOCK;
    REAL *padded = calloc(size + 2 * BLOCK, sizeof(REAL)), *q = padded + BLOCK;
    for (ptrdiff_t block = 0; block < blocks; block++) {
        REAL *p = p_all + block * size;
        memcpy(q, q_all + block * size, size * sizeof(REAL));
        for (ptrdiff_t step = 0; step < steps; step++)
            for (int s = 0; s < count; s++) {
                if (flow[s]) block_kick(n, length[s], k, beta, coupling, q, p);
                else block_drift(n, length[s], inverse_mass, p, q);
            }
        memcpy(q_all + block * size, q, size * sizeof(REAL));
    }
    free(padded);
}

/* Junctions between islands ends[2 e] and ends[2 e + 1]: an edge list. */
void graph(ptrdiff_t n, ptrdiff_t edges, ptrdiff_t steps, int count, const int *flow,
           const REAL *length, const REAL *inverse_mass, const REAL *critical, const int *ends,
           REAL *q, REAL *p) {
    for (ptrdiff_t step = 0; step < steps; step++)
        for (int s = 0; s < count; s++) {
            REAL h = length[s];
            if (!flow[s]) {
                drift(n, h, inverse_mass, p, q);
                continue;
            }
            for (ptrdiff_t e = 0; e < edges; e++) {
                int a = ends[2 * e], b = ends[2 * e + 1];
                REAL current = h * critical[e] * (sizeof(REAL) == 8 ? (REAL)sin(q[a] - q[b])
                                                                     : (REAL)sinf(q[a] - q[b]));
                p[a] -= current;
                p[b] += current;
            }
        }
}
