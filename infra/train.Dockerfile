# The trainer's container: `make image` builds it, `infra/train.asl.json` starts it through AWS Batch.
#
# Two targets: `cpu` over a Debian base, `gpu` over NVIDIA's CUDA runtime. Both hold the same program, which
# looks for a GPU when it starts. To use one it needs NVRTC and cuBLAS of CUDA 12 or 13 (libnvrtc.so.12 with
# libnvrtc-builtins, libcublas.so.12 with libcublasLt), which the runtime base has, and the driver
# (libcuda.so.1), which comes from the host: AWS Batch's GPU machine images have driver and container toolkit,
# and the base asks them for it. Without any of these it trains on the CPU and says so.
# Both bases are given by digest, so that the same build gives the same image: Debian's of all architectures,
# NVIDIA's of x86_64.
#
# The program is compiled before and is all of the context: the build machine has the toolchain and the
# compiled dependencies already. Its C library must not be newer than the base's.
ARG CPU_BASE=debian:trixie-slim@sha256:28de0877c2189802884ccd20f15ee41c203573bd87bb6b883f5f46362d24c5c2
ARG CUDA_BASE=nvidia/cuda:12.8.1-runtime-ubuntu24.04@sha256:828c4d878adcaa4265d80c95d8ec877149b49bb2419a4cf3bb6aa889bbb7ca2e

FROM ${CPU_BASE} AS cpu
COPY train /usr/local/bin/train
# Nobody: the program reads its environment and the network, and writes neither files nor ports.
USER 65534:65534
ENTRYPOINT ["/usr/local/bin/train"]

FROM ${CUDA_BASE} AS gpu
# For the driver alone and its compute part; the base sets both too.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY train /usr/local/bin/train
USER 65534:65534
ENTRYPOINT ["/usr/local/bin/train"]
