/* Runs kernels on threads of this machine, as a GPU would on blocks of its own. */
#include "shim.h"
#include "../../src/cuda/kernels.cu"
#include <pthread.h>
#include <stdlib.h>

_Thread_local struct dimension threadIdx, blockIdx, blockDim, gridDim;

static pthread_mutex_t one_launch = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t barrier;

void __syncthreads(void) { pthread_barrier_wait(&barrier); }

struct launch {
    void (*run)(const void *);
    const void *arguments;
    unsigned blocks, threads;
};

struct thread {
    pthread_t handle;
    const struct launch *launch;
    unsigned number;
};

static void *work(void *argument) {
    const struct thread *self = argument;
    const struct launch *launch = self->launch;
    unsigned block;
    threadIdx.x = self->number;
    blockDim.x = launch->threads;
    gridDim.x = launch->blocks;
    for (block = 0; block < launch->blocks; block++) {
        blockIdx.x = block;
        launch->run(launch->arguments);
        /* The next block gets the same shared memory. */
        __syncthreads();
    }
    return NULL;
}

/* Returns 0, or something else where a block cannot have so many threads. */
int launch(void (*run)(const void *), const void *arguments, unsigned blocks, unsigned threads) {
    struct launch launch = {run, arguments, blocks, threads};
    struct thread all[BLOCK];
    unsigned i;
    if (threads == 0 || threads > BLOCK) return -1;
    pthread_mutex_lock(&one_launch);
    pthread_barrier_init(&barrier, NULL, threads);
    for (i = 0; i < threads; i++) {
        all[i].launch = &launch;
        all[i].number = i;
        /* The threads before would wait for this one for ever. */
        if (pthread_create(&all[i].handle, NULL, work, &all[i]) != 0) abort();
    }
    for (i = 0; i < threads; i++) pthread_join(all[i].handle, NULL);
    pthread_barrier_destroy(&barrier);
    pthread_mutex_unlock(&one_launch);
    return 0;
}
