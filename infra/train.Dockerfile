# The trainer's container: `make image` builds it, `infra/train.asl.json` starts it through AWS Batch.
#
# Two targets: `cpu` over a Debian base, `gpu` over NVIDIA's CUDA runtime (the trainer finds CUDA when it
# starts, and does without). Both bases are given by digest, so that the same build gives the same image:
#
#   docker build -f infra/train.Dockerfile --target cpu --build-arg CPU_BASE=debian:bookworm-slim@sha256:… .
#   docker build -f infra/train.Dockerfile --target gpu --build-arg CUDA_BASE=nvidia/cuda:12.6.3-runtime-ubuntu24.04@sha256:… .
#
# The program is compiled before (`cargo build --profile lambda -p train`), not in here: the build machine
# has the toolchain and the compiled dependencies already.
ARG CPU_BASE=a-base-by-digest-is-needed
ARG CUDA_BASE=a-base-by-digest-is-needed

FROM ${CPU_BASE} AS cpu
COPY --chmod=0555 target/lambda/train /usr/local/bin/train
# Nobody: the program reads its environment and the network, and writes neither files nor ports.
USER 65534:65534
ENTRYPOINT ["/usr/local/bin/train"]

FROM ${CUDA_BASE} AS gpu
COPY --chmod=0555 target/lambda/train /usr/local/bin/train
USER 65534:65534
ENTRYPOINT ["/usr/local/bin/train"]
