#!/bin/sh
# From the data sets to an exported model: $1: autoencoder-64 or sprites-64; $2: folder of the data sets; $3: output.
# Further options go to train.py (--seconds, --device cuda). The same command resumes what was stopped.
set -e
model=$1 data=$2 out=$3
shift 3
here=$(dirname "$0")
python=${PYTHON:-python3}
"$python" "$here/prepare.py" "$data" "$out/clips"
"$python" "$here/train.py" "$here/$model.yaml" "$out/clips" "$out/$model" "$@"
