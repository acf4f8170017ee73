#!/usr/bin/env bash
# Energy of a minute of video of pvdm/sprites-64 in 4, 20 and 400 steps, into OUTPUT: docs/energy.md has the table.
set -euo pipefail
output=${1:?give a folder}
for steps in 4 20; do
  pvdm sample pvdm/sprites-64 --num-videos 16 --steps "$steps" --energy --output "$output/steps-$steps.mp4"
done
pvdm sample pvdm/sprites-64 --num-videos 4 --sampler ddim --eta 1 --steps 400 --energy --output "$output/steps-400.mp4"
