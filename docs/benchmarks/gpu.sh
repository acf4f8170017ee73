#!/bin/sh
# What only a GPU can show, in one call of at most 8 minutes: the tests that need CUDA; time and memory of both networks,
# of sampling and of training steps at the released size in bfloat16, with CUDA graphs and compiled; the largest batches;
# and a small model trained for two minutes, with its samples. It needs no network.
#
#   docs/benchmarks/gpu.sh OUTPUT               a JSON file for each part, written as soon as it has figures
#   docs/benchmarks/gpu.sh --lacking [FILE]     how to bring missing packages to a machine without a network
#   docs/benchmarks/gpu.sh --help
exec "${PYTHON:-python3}" "$(dirname "$0")/../../tools/gpu.py" "$@"
