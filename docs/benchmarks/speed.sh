#!/bin/sh
# The measurements of docs/speed.md, at the released size: some 40 minutes on 2 cores that do nothing else.
set -e
cd "$(dirname "$0")"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-2}"

# The networks beside the plain computation; float32 and bfloat16.
pvdm benchmark speed --tasks read,encode,decode,denoise --plain --repeats 5 --limit 300 --overwrite --output speed_cpu_32.json
pvdm benchmark speed --tasks encode,decode,denoise --plain --precision bf16 --repeats 3 --limit 200 --overwrite \
    --output speed_cpu_bf16.json

# Stage 2 from pixels and from latents, and stage 1 at half the height and width, for it wants more memory.
pvdm benchmark speed --tasks stage2_step_pixels,stage2_step_latents --repeats 3 --limit 300 --overwrite \
    --output speed_cpu_stage2.json
pvdm benchmark speed --tasks stage1_step --height 128 --width 128 --activation-checkpointing mlp projections --repeats 3 --limit 200 \
    --overwrite --output speed_cpu_stage1_128.json

# Sampling in 20 steps; two clips of a stream instead of eight.
pvdm benchmark speed --tasks sample_clip,stream --steps 20 --stream-frames 32 --repeats 1 --overwrite \
    --output speed_cpu_sampling.json
