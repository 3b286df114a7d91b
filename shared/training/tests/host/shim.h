/* Makes kernels.cu a C file: a block is so many real threads, __syncthreads a barrier between them, SHARED
 * memory is static. Blocks come one after the other, so one copy of it is enough. */
#define HOST_BUILD
#include <math.h>
#include <stddef.h>

struct dimension { unsigned x; };
extern _Thread_local struct dimension threadIdx, blockIdx, blockDim, gridDim;
void __syncthreads(void);

#define KERNEL(name) \
    static void name(const struct name##_arguments a); \
    void run_##name(const void *arguments) { name(*(const struct name##_arguments *)arguments); } \
    const unsigned size_##name = sizeof(struct name##_arguments); \
    static void name(const struct name##_arguments a)
#define DEVICE static inline
#define SHARED static
#define UNROLL
#define UNROLL_4
#define INFINITE INFINITY
