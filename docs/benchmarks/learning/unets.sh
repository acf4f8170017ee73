#!/usr/bin/env bash
# Compares lighter U-Nets with the transformer of pvdm2.yaml from the same latents, 200 CPU seconds each:
# bash docs/benchmarks/learning/unets.sh DATA OUTPUT. The same command resumes.
set -euo pipefail
data=$1 output=$2
mkdir -p "$output/recipes"
bench() { pvdm benchmark learning --root "$data/UCF-101" --layout ucf101 --budget 600 200 --seeds 0 --samples 128 --extended 8 "$@"; }

# NAME, then fields of UNetConfig beside channels 96, [1, 2], four heads.
variant() {
  local file="$output/recipes/$1.yaml"
  sed 's/^    overrides:$/&\n      model.denoiser: {class_path: pvdm.diffusion.UNetConfig, init_args: {channels: 96, channel_multipliers: [1, 2], heads: 4, '"$2"'}}\n      model.optimizer.name: adamw\n      model.optimizer.learning_rate: 1.0e-3/' \
    configs/recipes/pvdm2.yaml >"$file"
  recipes+=("$file")
}

recipes=()
variant whole "attention_factors: [2, 1], frame_patch: 1"
variant frame-patch "attention_factors: [2, 1], frame_patch: 4"
variant within-coarse "attention_factors: [2], frame_patch: 4"
variant across-coarse "attention_factors: [2, 1], across_factors: [2], frame_patch: 4"
variant convolutions "attention_factors: [], across_factors: [2], frame_patch: 4"

bench --recipe configs/recipes/pvdm2.yaml --output "$output/first"
mkdir -p "$output/unets"
python - "$output" "${recipes[@]}" <<'PYTHON' # the folder is that of the second bench before the first one's stage 1 is copied
import json, pathlib, sys
from dataclasses import asdict
from pvdm.training.cli.recipe import read_recipe

output, recipes = pathlib.Path(sys.argv[1]), [read_recipe(pathlib.Path(path)) for path in sys.argv[2:]]
key = json.loads((output / "first" / "bench.json").read_text())
key["recipes"] = {recipe.name: [asdict(stage) for stage in recipe.stages] for recipe in recipes}
(output / "unets" / "bench.json").write_text(json.dumps(key, default=str))
PYTHON
for file in "${recipes[@]}"; do # all have the autoencoder and the latents of the first
  run="$output/unets/runs/$(basename "$file" .yaml)-0"
  [ -d "$run" ] || { mkdir -p "$run" && cp -r "$output"/first/runs/pvdm2-0/{autoencoder,calibration-autoencoder,latents-diffusion} "$run"; }
done
bench --recipe "${recipes[@]}" --output "$output/unets"
