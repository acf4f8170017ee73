#!/usr/bin/env bash
# The ablation of docs/stages.md: bash docs/benchmarks/stages/run.sh OUTPUT [KEY=VALUE ...]
# Three models that differ only in their start, on the same 64 scenes, and figures against scenes that none has seen:
# losses.json, and samples by a protocol. The same command resumes. PROTOCOL and CLIPS choose what is measured; the
# default protocol needs pip install "pvdm[efficientnet]".
set -euo pipefail
output=$1
shift
here=$(dirname "$0") protocol=${PROTOCOL:-appearance-motion/16f} clips=${CLIPS:-512}
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

pvdm stages "$here/ablation.yaml" --output "$output" --set trainer.enable_progress_bar=false "$@"
[[ -f $output/losses.json ]] || python "$here/losses.py" "$output" "$output/losses.json" --clips "${CLIPS:-128}"
for start in nothing images video; do
  figures=$output/from-$start.json
  [[ -f $figures ]] || pvdm evaluate --real scenes: --fake "$output/from-$start/checkpoints/last.ckpt" --part test \
    --protocol "$protocol" --num-real "$clips" --num-fake "$clips" --allow-few --output "$figures"
done
