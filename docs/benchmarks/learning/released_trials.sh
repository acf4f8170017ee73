#!/usr/bin/env bash
# Searches the released recipe's settings: 12 trainings of stage 1, each of 300 s of one CPU core.
# $1: folder of the data sets; $2: folder for the results. The same command resumes.
set -euo pipefail
data=$1 output=$2
mkdir -p "$output/recipes"

# NAME, then overrides of configs/sizes/autoencoder-small.yaml below `model`.
trial() {
  local file="$output/recipes/$1.yaml"
  {
    echo "stages: [{name: autoencoder, config: [configs/autoencoder.yaml, configs/sizes/autoencoder-small.yaml],"
    echo "  overrides: {${*:2}}}]"
  } > "$file"
  recipes+=("$file")
}

recipes=()
size=model.autoencoder rate=model.optimizer.learning_rate
trial published "$rate: 0.0015"
trial rate-0.75e-3 "$rate: 0.00075"
trial rate-3e-3 "$rate: 0.003"
trial width-64 "$size.channels: 64, $rate: 0.003"
trial width-192 "$size.channels: 192"
trial width-192-rate-0.75e-3 "$size.channels: 192, $rate: 0.00075"
trial depth-1 "$size.depth: 1"
trial depth-3 "$size.depth: 3"
trial depth-1-rate-3e-3 "$size.depth: 1, $rate: 0.003"
trial patch-4 "$size.patch_size: 4, $size.latent_channels: 3"    # 2,304 values
trial patch-16 "$size.patch_size: 16, $size.latent_channels: 18" # 2,592 values
trial patch-16-rate-3e-3 "$size.patch_size: 16, $size.latent_channels: 18, $rate: 0.003"

pvdm benchmark learning --recipe "${recipes[@]}" --root "$data/UCF-101" --layout ucf101 --budget 300 --seeds 0 \
  --output "$output/bench"
