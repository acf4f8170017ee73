#!/bin/bash
# Seconds of sampling and training next to 0, 1 and 2 processes that each want a core: with OpenMP threads that sleep while
# they wait, as every command sets them, and with threads that spin, which is OpenMP's default.
#
#   docs/benchmarks/busy.sh MODEL VIDEOS
set -euo pipefail
model=$1 videos=$2 work=$(mktemp -d) others=()
stop() { [ ${#others[@]} -eq 0 ] || kill "${others[@]}" 2>/dev/null; others=(); }
trap 'stop; rm -rf "$work"' EXIT

timed() {  # timed NAME COMMAND...: wall time; shows the log if the command fails
  local name=$1 start=$EPOCHREALTIME
  shift
  "$@" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
  printf '%-7s %-8s %d busy  %6.1f s\n' "$name" "$waiting" "$busy" "$(awk "BEGIN {print $EPOCHREALTIME - $start}")"
}

for busy in 0 1 2; do
  for ((i = 0; i < busy; i++)); do
    while :; do :; done &
    others+=($!)
  done
  for waiting in sleeping spinning; do
    if [ $waiting = spinning ]; then export GOMP_SPINCOUNT=300000; else unset GOMP_SPINCOUNT; fi
    timed sample pvdm sample "$model" --num-videos 8 --batch-size 8 --output "$work/samples" --overwrite --device cpu
    timed fit pvdm fit -c configs/autoencoder.yaml -c configs/sizes/autoencoder-small.yaml --data.path "$videos" \
      --trainer.max_steps 20 --trainer.limit_val_batches 0 --trainer.default_root_dir "$work/$waiting$busy" \
      --trainer.accelerator cpu
  done
  stop
done
