#!/usr/bin/env bash
# The trials of the spectral autoencoder in docs/learning.md: bash docs/benchmarks/learning/autoencoder_trials.sh DATA OUTPUT
# Stem, pooling and masking were not kept: `git apply docs/benchmarks/learning/autoencoder_trials.patch` brings them back,
# and TRIALS names them: TRIALS="stem pooling mask". 50 minutes on two idle cores for all nine.
set -euo pipefail
data=$1 output=$2
declare -A first=(
  [base]="trainer.precision: 32-true"
  [bf16]="trainer.precision: bf16-mixed"
  [wide]="trainer.precision: bf16-mixed, model.autoencoder.features: 384"
  [noise]="trainer.precision: bf16-mixed, model.latent_noise: 0.3"
  [equivariance]="trainer.precision: 32-true, model.equivariance_weight: 0.25"
  [difference]="trainer.precision: 32-true, model.difference_weight: 0.5"
  [stem]="trainer.precision: 32-true, model.autoencoder.stem: 32"
  [pooling]="trainer.precision: 32-true, model.autoencoder.pooling_heads: 8"
  [mask]="trainer.precision: 32-true, model.autoencoder.mask_share: 0.6"
)
recipes=()
mkdir -p "$output"
for name in ${TRIALS:-base bf16 noise equivariance difference wide}; do
  second="trainer.precision: 32-true"
  [[ $name == bf16 || $name == noise ]] && second="trainer.precision: bf16-mixed"
  [ "$name" = wide ] && second="trainer.precision: bf16-mixed, model.denoiser.width: 256"
  recipes+=("$output/$name.yaml")
  cat > "$output/$name.yaml" <<RECIPE
stages:
  - name: autoencoder
    config: [configs/spectral.yaml, configs/sizes/spectral-64.yaml]
    overrides: {${first[$name]}}
  - name: diffusion
    config: [configs/velocity.yaml, configs/sizes/velocity-64.yaml]
    encode: 8
    overrides: {$second, model.optimizer.name: adamw, model.optimizer.learning_rate: 2.0e-3, data.random_crop: false, model.autoencoder: "{output}/autoencoder/checkpoints/last.ckpt"}
RECIPE
done
pvdm benchmark learning --recipe "${recipes[@]}" --root "$data/UCF-101" --layout ucf101 --budget 240 240 --seeds 0 \
  --samples 256 --extended 32 --output "$output/bench"
