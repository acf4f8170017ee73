#!/usr/bin/env bash
# Trains the same small model on a heap of joined videos and on the same heap curated:
# bash docs/benchmarks/curation/heap.sh DATA WORK. The same command resumes.
set -euo pipefail
data=$1 work=$2 here=$(dirname "$0")
[ -f "$work/joints.json" ] || python "$here/heap.py" make "$data/UCF-101" "$work"
pvdm curate "$work/heap" --output "$work/files" --steps motion
pvdm curate "$work/heap" --output "$work/clips" --steps cuts,motion,quality,duplicates
pvdm select "$work/files" --where "not error" --output "$work/heap.parquet" --overwrite
pvdm select "$work/clips" --frames 32 --output "$work/curated.parquet" --overwrite
pvdm curate compare "$work/heap.parquet" "$work/curated.parquet" --budget ${BUDGET:-300 300} --output "$work/comparison" \
  --pairs 64
python "$here/heap.py" measure "$data/UCF-101" "$work"
