#!/bin/sh
# The measurements of docs/speed.md: about 20 minutes on 2 idle cores, and at most 12 GB of memory.
# No repetition starts after --limit seconds of a task, so the slowest tasks have one or two.
set -e
cd "$(dirname "$0")"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-2}"

# Reading of UCF101's videos (a folder or a link here), and the networks.
pvdm benchmark speed --tasks read --data UCF-101 --repeats 5 --overwrite --output speed_cpu_read.json
pvdm benchmark speed --tasks encode,decode,denoise --repeats 3 --limit 120 --overwrite --output speed_cpu_32.json

# Sampling in 20 steps, once after the counted run; two clips of a stream instead of eight.
pvdm benchmark speed --tasks sample_clip,stream --steps 20 --stream-frames 32 --repeats 1 --overwrite \
    --output speed_cpu_sampling.json

# Stage 1 at half the height and width, because it takes more memory.
pvdm benchmark speed --tasks stage1_step --height 128 --width 128 --activation-checkpointing mlp projections \
    --repeats 2 --limit 20 --overwrite --output speed_cpu_stage1_128.json

# Stage 2 from pixels and from latents, which takes the most memory. With 8 GB, pass --size pvdm-s.
pvdm benchmark speed --tasks stage2_step_pixels,stage2_step_latents --warm-up 0 --repeats 1 --overwrite \
    --output speed_cpu_stage2.json

# In bfloat16, which is slow on a CPU without bfloat16 instructions.
pvdm benchmark speed --tasks encode,decode,denoise --precision bf16 --warm-up 0 --repeats 1 --overwrite \
    --output speed_cpu_bf16.json
