#!/usr/bin/env bash
# The benches of docs/learning.md, on two cores: bash docs/benchmarks/learning/run.sh DATA OUTPUT [set ...]
# DATA holds UCF-101, sprites, weizmann and sky_timelapse; scenes are rendered. Budgets are CPU seconds: BUDGET="600 600".
# SkyTimelapse (with 341 longer videos) and scenes were run with BUDGET="300 300". The same command resumes. Each set
# takes about 45 minutes on two idle cores at the default budget and two seeds.
set -euo pipefail
data=$1 output=$2
shift 2
budget=${BUDGET:-600 600} recipes="configs/recipes/released.yaml configs/recipes/pvdm2.yaml"

bench() {  # NAME SEEDS OPTION...
  local name=$1 seeds=$2
  shift 2
  # shellcheck disable=SC2086
  pvdm benchmark learning --recipe $recipes --budget $budget --seeds $seeds --samples 1024 --extended 96 \
    --output "$output/$name" "$@"
}

# The people p7 and p8 are for testing; the other six for training.
split_weizmann() {
  find "$data/weizmann" -name '*.mp4' | while read -r file; do
    part=train
    [[ $(basename "$file") == p[78]_* ]] && part=val
    mkdir -p "$output/weizmann-parts/$part/$(basename "$(dirname "$file")")"
    ln -sf "$(realpath "$file")" "$output/weizmann-parts/$part/$(basename "$(dirname "$file")")/"
  done
}

for set in "${@:-ucf101 sprites weizmann skytimelapse scenes}"; do
  for name in $set; do
    case $name in
      ucf101) bench ucf101 "0 1" --root "$data/UCF-101" --layout ucf101 ;;
      sprites) bench sprites 0 --root "$data/sprites" --layout classes --set data.loop=true ;;
      weizmann)
        split_weizmann
        bench weizmann 0 --root "$output/weizmann-parts" --layout classes
        ;;
      skytimelapse) bench skytimelapse 0 --root "$data/sky_timelapse" --layout skytimelapse ;;
      scenes) bench scenes 0 --layout scenes --set data.scenes.videos=512 ;;
      *) echo "there is no set $name" >&2; exit 2 ;;
    esac
  done
done
