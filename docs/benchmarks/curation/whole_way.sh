#!/usr/bin/env bash
# From raw video to samples of a model: bash docs/benchmarks/curation/whole_way.sh DATA WORK. The same command resumes.
# DATA: curation, captioned, signs, wild, and UCF-101, whose training videos are joined into files with known joints.
set -euo pipefail
data=$(realpath "$1") work=$2 here=$(dirname "$0")
[ -f "$work/joints.json" ] || python "$here/heap.py" make "$data/UCF-101" "$work"
mkdir -p "$work/raw"
for name in curation captioned signs wild; do ln -sfn "$data/$name" "$work/raw/$name"; done
ln -sfn "$(realpath "$work/heap")" "$work/raw/ucf101"
pvdm curate "$work/raw" --output "$work/catalogue" --workers "${WORKERS:-2}"
pvdm select "$work/catalogue" --preset default --frames 32 --output "$work/default.parquet" --overwrite
pvdm select "$work/default.parquet" --where "motion > 0.3 and text_area < 0.07 and kind in ['video', 'shaking']" \
  --output "$work/selection.parquet" --overwrite
pvdm fit -c configs/velocity.yaml -c configs/sizes/velocity-64.yaml --data.path "$work/selection.parquet" \
  --model.autoencoder pvdm/autoencoder-64 --data.captions true --model.text.encoder words --data.scores '[flow]' \
  --model.scores '[flow]' --trainer.max_time "${BUDGET:-00:00:01:00}" --trainer.default_root_dir "$work/run"
pvdm sample "$work/run/checkpoints/last.ckpt" --num-videos 4 --steps 10 --prompt "a person" --score flow=3 \
  --output "$work/samples" --overwrite
python "$here/whole_way.py" "$work"
