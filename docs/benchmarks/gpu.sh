#!/bin/sh
# What only a GPU can say, in one call of at most 8 minutes: the tests that need CUDA; time and memory of both networks,
# of sampling and of training steps at the released size in bfloat16, with CUDA graphs and compiled; the largest batches;
# and a small model trained for two minutes, with its samples. It needs no network.
#
#   docs/benchmarks/gpu.sh OUTPUT               a JSON file for each part, written as soon as its figures are there
#   docs/benchmarks/gpu.sh --lacking [FILE]     how to carry what a machine without a network lacks
#   docs/benchmarks/gpu.sh --help
exec "${PYTHON:-python3}" "$(dirname "$0")/../../tools/gpu.py" "$@"
