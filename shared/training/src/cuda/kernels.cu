/* The kernels of the CUDA device, compiled by NVRTC at the start.
 *
 * Written in what CUDA C++ and C have in common, so that a C compiler builds the same file for the tests
 * (tests/host/shim.h). Threads of a block work together through SHARED memory and __syncthreads alone, and
 * no sum is made by atomics, so every number is added up in one order, whatever runs when.
 *
 * Every kernel takes one struct, of which arguments.rs is the other half. Blocks have blockDim.x threads, a
 * power of two from 32 to BLOCK; there may be fewer blocks than there is work, so all loops stride.
 * Letters are those of device.rs. */

#ifndef HOST_BUILD
#define KERNEL(name) extern "C" __global__ void name(const struct name##_arguments a)
#define DEVICE static __device__ __forceinline__
#define SHARED __shared__
#define UNROLL _Pragma("unroll")
#define UNROLL_4 _Pragma("unroll 4")
#define INFINITE __int_as_float(0x7f800000)
#endif

typedef unsigned int u32;
typedef unsigned long long u64;

#define BLOCK 256
#define LOWEST (-3.402823466e38f)
#define EACH(i, count) \
    (u32 i = blockIdx.x * blockDim.x + threadIdx.x; i < (count); i += gridDim.x * blockDim.x)

/* A well-mixed number for each position: cpu/math.rs. */
DEVICE u32 mix(u32 seed, u32 position) {
    u32 h = position * 0x9e3779b9u ^ seed;
    h = (h ^ (h >> 16)) * 0x85ebca6bu;
    h = (h ^ (h >> 13)) * 0xc2b2ae35u;
    return h ^ (h >> 16);
}

struct dropping {
    const u32 *seed; /* XOR mask is the seed; null for 0 */
    u32 mask, threshold;
    float scale;
    u32 unused;
};

DEVICE u32 seed_of(struct dropping d) {
    return (d.seed ? *d.seed : 0) ^ d.mask;
}

/* ---- Moving and adding rows ------------------------------------------------------------------------ */

struct segment {
    u32 *to;
    u32 start, unused;
};

/* Words that came over in one piece, to where they belong. */
struct unpack_arguments {
    const struct segment *segments;
    const u32 *words;
    u32 segment_count, count;
};
KERNEL(unpack) {
    for EACH(i, a.count) {
        u32 low = 0, high = a.segment_count;
        while (high - low > 1) {
            u32 middle = (low + high) / 2;
            if (a.segments[middle].start <= i) low = middle;
            else high = middle;
        }
        a.segments[low].to[i - a.segments[low].start] = a.words[i];
    }
}

/* One word, told with the launch. */
struct set_arguments {
    u32 *to;
    u32 value, unused;
};
KERNEL(set) {
    if (blockIdx.x == 0 && threadIdx.x == 0) *a.to = a.value;
}

/* out = dropout(table[rows]); zero past the table's end. */
struct gather_arguments {
    const float *table;
    const u32 *rows;
    float *out;
    struct dropping dropping;
    u32 table_rows, width, count, unused;
};
KERNEL(gather) {
    u32 seed = seed_of(a.dropping);
    for EACH(i, a.count) {
        u32 row = a.rows[i / a.width];
        float value = row < a.table_rows ? a.table[(u64)row * a.width + i % a.width] : 0.0f;
        if (a.dropping.threshold) {
            value = mix(seed, i) >= a.dropping.threshold ? value * a.dropping.scale : 0.0f;
        }
        a.out[i] = value;
    }
}

struct add_rows_arguments {
    const float *table;
    const u32 *rows;
    float *out;
    u32 table_rows, width, count, unused;
};
KERNEL(add_rows) {
    for EACH(i, a.count) {
        u32 row = a.rows[i / a.width];
        if (row < a.table_rows) a.out[i] += a.table[(u64)row * a.width + i % a.width];
    }
}

struct add_bags_arguments {
    const float *table;
    const u32 *offsets, *rows;
    const float *scales;
    float *out;
    u32 table_rows, width, count, unused;
};
KERNEL(add_bags) {
    for EACH(i, a.count) {
        u32 n = i / a.width, column = i % a.width, end = a.offsets[n + 1], entry;
        float sum = a.out[i];
        for (entry = a.offsets[n]; entry < end; entry++) {
            u32 row = a.rows[entry];
            if (row < a.table_rows) sum = fmaf(a.table[(u64)row * a.width + column], a.scales[entry], sum);
        }
        a.out[i] = sum;
    }
}

struct dropout_arguments {
    const float *from;
    float *out;
    struct dropping dropping;
    u32 count, unused;
};
KERNEL(dropout) {
    u32 seed = seed_of(a.dropping);
    for EACH(i, a.count) {
        a.out[i] = mix(seed, i) >= a.dropping.threshold ? a.from[i] * a.dropping.scale : 0.0f;
    }
}

struct scale_rows_arguments {
    float *values;
    const float *factors;
    u32 width, count;
};
KERNEL(scale_rows) {
    for EACH(i, a.count) a.values[i] *= a.factors[i / a.width];
}

/* Every row of out becomes the one row. */
struct broadcast_arguments {
    const float *row;
    float *out;
    u32 width, stride, count, unused;
};
KERNEL(broadcast) {
    for EACH(i, a.count) a.out[(u64)(i / a.width) * a.stride + i % a.width] = a.row[i % a.width];
}

struct add_arguments {
    const float *from;
    float *to;
    u32 count, unused;
};
KERNEL(add) {
    for EACH(i, a.count) a.to[i] += a.from[i];
}

/* ---- Sums over many rows, in two steps: chunks of rows, then the chunks ----------------------------- */

/* partial[chunk] = the sum of each column of the chunk's rows. */
struct column_chunks_arguments {
    const float *from;
    float *partial;
    u32 rows, columns, stride, chunk;
};
KERNEL(column_chunks) {
    u32 chunks = (a.rows + a.chunk - 1) / a.chunk, block, column, row;
    for (block = blockIdx.x; block < chunks; block += gridDim.x) {
        u32 first = block * a.chunk, end = a.rows - first < a.chunk ? a.rows : first + a.chunk;
        for (column = threadIdx.x; column < a.columns; column += blockDim.x) {
            float sum = 0.0f;
            UNROLL_4
            for (row = first; row < end; row++) sum += a.from[(u64)row * a.stride + column];
            a.partial[(u64)block * a.columns + column] = sum;
        }
    }
}

/* partial[chunk][rows[n]] = the sum of the chunk's sources n. Each thread has columns of its own. */
struct scatter_chunks_arguments {
    const float *from;
    const u32 *rows;
    float *partial;
    u32 count, width, table_rows, chunk;
};
KERNEL(scatter_chunks) {
    u32 chunks = (a.count + a.chunk - 1) / a.chunk, block, column, n, row;
    for (block = blockIdx.x; block < chunks; block += gridDim.x) {
        u32 first = block * a.chunk, end = a.count - first < a.chunk ? a.count : first + a.chunk;
        float *to = a.partial + (u64)block * a.table_rows * a.width;
        for (column = threadIdx.x; column < a.width; column += blockDim.x) {
            for (row = 0; row < a.table_rows; row++) to[row * a.width + column] = 0.0f;
            for (n = first; n < end; n++) {
                row = a.rows[n];
                if (row < a.table_rows) to[row * a.width + column] += a.from[(u64)n * a.width + column];
            }
        }
    }
}

/* out = the sum of the chunks, or out plus that. A block has 32 columns and shares out the chunks. */
struct sum_chunks_arguments {
    const float *partial;
    float *out;
    u32 chunks, columns, onto, unused;
};
KERNEL(sum_chunks) {
    SHARED float sums[BLOCK];
    u32 lane = threadIdx.x / 32, lanes = blockDim.x / 32, first, chunk, other;
    for (first = blockIdx.x * 32; first < a.columns; first += gridDim.x * 32) {
        u32 column = first + threadIdx.x % 32;
        float sum = 0.0f;
        if (column < a.columns) {
            UNROLL_4
            for (chunk = lane; chunk < a.chunks; chunk += lanes) sum += a.partial[(u64)chunk * a.columns + column];
        }
        sums[threadIdx.x] = sum;
        __syncthreads();
        if (lane == 0 && column < a.columns) {
            sum = a.onto ? a.out[column] : 0.0f;
            for (other = 0; other < lanes; other++) sum += sums[other * 32 + threadIdx.x];
            a.out[column] = sum;
        }
        __syncthreads();
    }
}

/* ---- Moving averages: one thread for each number of a lane ------------------------------------------ */

struct average_forward_arguments {
    const float *values;
    float *averages;
    u32 size, steps;
    float keep, gain;
};
KERNEL(average_forward) {
    u32 t;
    for EACH(i, a.size) {
        float average = a.averages[i];
        for (t = 0; t < a.steps; t++) {
            average = fmaf(a.keep, average, a.gain * a.values[(u64)t * a.size + i]);
            a.averages[(u64)(t + 1) * a.size + i] = average;
        }
    }
}

struct average_backward_arguments {
    const float *outputs;
    float *gradients;
    u32 size, steps;
    float keep, gain;
};
KERNEL(average_backward) {
    u32 t;
    for EACH(i, a.size) {
        float carried = 0.0f;
        for (t = a.steps; t-- > 0;) {
            u64 at = (u64)t * a.size + i;
            float gradient = fmaf(a.keep, carried, a.outputs[at]);
            a.gradients[at] = fmaf(a.gain, gradient, a.gradients[at]);
            carried = gradient;
        }
    }
}

/* ---- One time step of the GRU, around its product: cpu/gates.rs ------------------------------------- */

DEVICE float sigmoid(float x) {
    return 1.0f / (1.0f + expf(-x));
}

struct gates_forward_arguments {
    const float *inputs, *product, *bias, *previous;
    float *next, *saved;
    u32 hidden, count;
};
KERNEL(gates_forward) {
    u32 h = a.hidden;
    for EACH(i, a.count) {
        u32 lane = i / h, j = i % h;
        const float *x = a.inputs + (u64)lane * 3 * h + j, *p = a.product + (u64)lane * 3 * h + j;
        float *save = a.saved + (u64)lane * 4 * h + j;
        float hn = p[0] + a.bias[j];
        float r = sigmoid(x[0] + (p[h] + a.bias[h + j]));
        float z = sigmoid(x[h] + (p[2 * h] + a.bias[2 * h + j]));
        float n = fmaf(2.0f, sigmoid(2.0f * fmaf(r, hn, x[2 * h])), -1.0f);
        a.next[i] = fmaf(z, a.previous[i] - n, n);
        save[0] = r;
        save[h] = z;
        save[2 * h] = n;
        save[3 * h] = hn;
    }
}

struct gates_backward_arguments {
    const float *outside, *previous, *saved;
    float *carried, *gates;
    u32 hidden, count;
};
KERNEL(gates_backward) {
    u32 h = a.hidden;
    for EACH(i, a.count) {
        u32 lane = i / h, j = i % h;
        const float *save = a.saved + (u64)lane * 4 * h + j;
        float *gate = a.gates + (u64)lane * 4 * h + j;
        float r = save[0], z = save[h], n = save[2 * h], hn = save[3 * h];
        float d = a.carried[i] + a.outside[i];
        float dn = d * (1.0f - z) * fmaf(-n, n, 1.0f);
        gate[0] = dn * r;
        gate[h] = dn * hn * r * (1.0f - r);
        gate[2 * h] = d * (a.previous[i] - n) * z * (1.0f - z);
        gate[3 * h] = dn;
        a.carried[i] = d * z;
    }
}

/* ---- Softmax cross-entropy, ROWS rows to a block ---------------------------------------------------- */

#define ROWS 16

/* logits hold query · negative, and get their gradients, weights included; partial gets the sums of each
 * block's gradients, which are those of the negatives' biases. */
struct softmax_arguments {
    const float *queries, *table, *bias, *offsets, *weights;
    const u32 *targets, *ids;
    float *logits, *target_scale, *losses, *partial;
    u32 rows, width, count, table_rows;
};
KERNEL(softmax) {
    SHARED float highest[ROWS * BLOCK], sums[ROWS * BLOCK];
    SHARED float dots[BLOCK], scores[ROWS], weights[ROWS], shifts[ROWS];
    u32 threads = blockDim.x, t = threadIdx.x, per = threads / ROWS, own = t / per, lane = t % per;
    u32 blocks = (a.rows + ROWS - 1) / ROWS, block, c, i, r;
    for (block = blockIdx.x; block < blocks; block += gridDim.x) {
        u32 first = block * ROWS, rows = a.rows - first < ROWS ? a.rows - first : ROWS, n = first + own;
        float *logits = a.logits + (u64)first * a.count;
        float m[ROWS], s[ROWS], z[ROWS], dot = 0.0f, weight = own < rows ? a.weights[n] : 0.0f;
        u32 target = own < rows ? a.targets[n] : 0;

        /* Each target's score; the target does not count among the negatives. */
        if (target >= a.table_rows) weight = 0.0f;
        if (weight != 0.0f) {
            const float *query = a.queries + (u64)n * a.width, *output = a.table + (u64)target * a.width;
            for (i = lane; i < a.width; i += per) dot = fmaf(query[i], output[i], dot);
        }
        dots[t] = dot;
        __syncthreads();
        if (lane == 0) {
            float score = 0.0f;
            for (i = 0; i < per; i++) score += dots[t + i];
            if (weight != 0.0f) {
                u32 low = 0, high = a.count;
                score += a.bias[target];
                while (low < high) {
                    u32 middle = (low + high) / 2;
                    if (a.ids[middle] < target) low = middle + 1;
                    else high = middle;
                }
                for (; low < a.count && a.ids[low] == target; low++) logits[(u64)own * a.count + low] = -INFINITE;
            }
            scores[own] = score;
            weights[own] = weight;
        }
        __syncthreads();

        /* The highest logit and the sum of exponentials, by one look at every logit. */
        UNROLL
        for (r = 0; r < ROWS; r++) {
            m[r] = LOWEST;
            s[r] = 0.0f;
        }
        for (c = t; c < a.count; c += threads) {
            float offset = a.offsets[c];
            UNROLL
            for (r = 0; r < ROWS; r++) {
                if (r < rows) {
                    float x = logits[(u64)r * a.count + c] + offset;
                    if (x > m[r]) {
                        s[r] = fmaf(s[r], expf(m[r] - x), 1.0f);
                        m[r] = x;
                    } else {
                        s[r] += expf(x - m[r]);
                    }
                }
            }
        }
        UNROLL
        for (r = 0; r < ROWS; r++) {
            highest[r * threads + t] = m[r];
            sums[r * threads + t] = s[r];
        }
        __syncthreads();
        for (r = 0; r < 2; r++) {
            /* First each lane what is a multiple of `per` from it, then the first lane all lanes. */
            u32 step = r == 0 ? per : 1, end = r == 0 ? threads : per;
            if (r == 0 || lane == 0) {
                float top = LOWEST, sum = 0.0f;
                for (i = lane; i < end; i += step) {
                    float other = highest[own * threads + i], more = sums[own * threads + i];
                    if (other > top) {
                        sum = fmaf(sum, expf(top - other), more);
                        top = other;
                    } else {
                        sum = fmaf(more, expf(other - top), sum);
                    }
                }
                highest[own * threads + lane] = top;
                sums[own * threads + lane] = sum;
            }
            __syncthreads();
        }
        if (lane == 0 && own < rows) {
            float score = scores[own], top = highest[own * threads], sum = sums[own * threads];
            float peak = score > top ? score : top, e = expf(score - peak), total = fmaf(sum, expf(top - peak), e);
            int counts = weights[own] != 0.0f;
            a.losses[n] = counts ? logf(total) + peak - score : 0.0f;
            a.target_scale[n] = counts ? (e / total - 1.0f) * weights[own] : 0.0f;
            /* exp(x - shift) is the share of x times the weight. */
            shifts[own] = counts ? peak + logf(total) - logf(weights[own]) : INFINITE;
        }
        __syncthreads();

        UNROLL
        for (r = 0; r < ROWS; r++) z[r] = r < rows ? shifts[r] : INFINITE;
        for (c = t; c < a.count; c += threads) {
            float offset = a.offsets[c], column = 0.0f;
            UNROLL
            for (r = 0; r < ROWS; r++) {
                if (r < rows) {
                    u64 at = (u64)r * a.count + c;
                    float gradient = expf(logits[at] + offset - z[r]);
                    logits[at] = gradient;
                    column += gradient;
                }
            }
            a.partial[(u64)block * a.count + c] = column;
        }
        __syncthreads();
    }
}

/* out[n] += scale[n] · table[targets[n]]. */
struct add_targets_arguments {
    const float *table, *scale;
    const u32 *targets;
    float *out;
    u32 width, count;
};
KERNEL(add_targets) {
    for EACH(i, a.count) {
        u32 n = i / a.width;
        float scale = a.scale[n];
        if (scale != 0.0f) a.out[i] = fmaf(scale, a.table[(u64)a.targets[n] * a.width + i % a.width], a.out[i]);
    }
}

/* The weighted sum of all losses, behind those of the steps before; by one block. */
struct total_loss_arguments {
    const float *losses, *weights;
    u32 *taken;
    double *totals;
    u32 rows, most;
};
KERNEL(total_loss) {
    SHARED double sums[BLOCK];
    u32 n, half;
    double sum = 0.0;
    if (blockIdx.x > 0) return;
    for (n = threadIdx.x; n < a.rows; n += blockDim.x) sum += (double)a.losses[n] * (double)a.weights[n];
    sums[threadIdx.x] = sum;
    __syncthreads();
    for (half = blockDim.x / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
        __syncthreads();
    }
    if (threadIdx.x == 0 && *a.taken < a.most) {
        a.totals[*a.taken] = sums[0];
        *a.taken += 1;
    }
}

/* ---- Optimisers: cpu/rows.rs ------------------------------------------------------------------------ */

#define BETA1 0.9f
#define BETA2 0.999f
#define EPSILON 1e-8f
enum { DESCENT, ADAGRAD, ADAM };

struct rule {
    u32 kind, step;
    float rate, decay, correct_first, correct_second;
};

/* What Adam's moments went through since a row was last touched. */
struct idle {
    float keep_first, keep_second, momentum;
};

DEVICE float power(float x, u32 n) {
    double result = 1.0, base = (double)x;
    for (; n > 0; n >>= 1) {
        if (n & 1) result *= base;
        base *= base;
    }
    return (float)result;
}

DEVICE struct idle idle_for(u32 steps) {
    struct idle idle;
    idle.keep_first = power(BETA1, steps);
    idle.keep_second = power(BETA2, steps);
    idle.momentum = BETA1 * (1.0f - idle.keep_first) / (1.0f - BETA1);
    return idle;
}

DEVICE void update(struct rule rule, float g, float *value, float *first, float *second, struct idle idle) {
    if (rule.kind == DESCENT) {
        *value -= rule.rate * g;
    } else if (rule.kind == ADAGRAD) {
        float sum = fmaf(g, g, *second);
        *second = sum;
        *value -= rule.rate * g / (sqrtf(sum) + EPSILON);
    } else {
        float missed = *first * idle.momentum;
        float old = *first * idle.keep_first, square = *second * idle.keep_second;
        float mean = fmaf(1.0f - BETA1, g - old, old), variance = fmaf(1.0f - BETA2, g * g - square, square);
        float push = (mean + missed) * rule.correct_first;
        float step = push / (sqrtf(variance * rule.correct_second) + EPSILON);
        *first = mean;
        *second = variance;
        *value -= rule.rate * fmaf(rule.decay, *value, step);
    }
}

struct dense_step_arguments {
    float *values, *first, *second;
    const float *gradient;
    struct rule rule;
    u32 count, unused;
};
KERNEL(dense_step) {
    struct idle none;
    none.keep_first = none.keep_second = 1.0f;
    none.momentum = 0.0f;
    for EACH(i, a.count) update(a.rule, a.gradient[i], a.values + i, a.first + i, a.second + i, none);
}

/* The entries of slot r are entries[starts[r] .. starts[r + 1]], in ascending order. */
struct contribution {
    const u32 *starts, *entries;
    const float *source, *scale;
    const u32 *from;
    u32 slots, unused;
};

#define CONTRIBUTIONS 4

struct contributions {
    struct contribution each[CONTRIBUTIONS];
    const float *before; /* sums of further contributions, or null */
    u32 count, width;
};

DEVICE float contributed(const struct contributions *all, u32 slot, u32 column) {
    float sum = all->before ? all->before[(u64)slot * all->width + column] : 0.0f;
    u32 c, e;
    UNROLL
    for (c = 0; c < CONTRIBUTIONS; c++) {
        const struct contribution *one = all->each + c;
        u32 named = c < all->count && slot < one->slots;
        u32 end = named ? one->starts[slot + 1] : 0;
        UNROLL_4
        for (e = named ? one->starts[slot] : 0; e < end; e++) {
            u32 i = one->entries[e], row = one->from ? one->from[i] : i;
            sum = fmaf(one->source[(u64)row * all->width + column], one->scale ? one->scale[i] : 1.0f, sum);
        }
    }
    return sum;
}

struct sum_rows_arguments {
    struct contributions contributions;
    float *out;
    u32 count, unused;
};
KERNEL(sum_rows) {
    u32 width = a.contributions.width;
    for EACH(i, a.count * width) a.out[i] = contributed(&a.contributions, i / width, i % width);
}

/* Rows are distinct; each has lanes of the block to itself. */
struct sparse_step_arguments {
    struct contributions contributions;
    float *values, *first, *second, *touched;
    const u32 *rows;
    struct rule rule;
    u32 count, unused;
};
KERNEL(sparse_step) {
    SHARED struct idle idles[BLOCK];
    u32 width = a.contributions.width, lanes = width < blockDim.x ? width : blockDim.x;
    u32 per = blockDim.x / lanes, own = threadIdx.x / lanes, lane = threadIdx.x % lanes, first, column;
    for (first = blockIdx.x * per; first < a.count; first += gridDim.x * per) {
        u32 slot = first + own;
        int works = own < per && slot < a.count;
        u32 row = works ? a.rows[slot] : 0;
        if (works && lane == 0) {
            struct idle idle;
            idle.keep_first = idle.keep_second = 1.0f;
            idle.momentum = 0.0f;
            if (a.rule.kind == ADAM && a.touched) {
                u32 before = (u32)a.touched[row];
                a.touched[row] = (float)a.rule.step;
                idle = idle_for(a.rule.step - 1 - before);
            }
            idles[own] = idle;
        }
        __syncthreads();
        if (works) {
            for (column = lane; column < width; column += lanes) {
                u64 at = (u64)row * width + column;
                update(a.rule, contributed(&a.contributions, slot, column), a.values + at, a.first + at, a.second + at, idles[own]);
            }
        }
        __syncthreads();
    }
}
