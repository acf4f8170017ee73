#!/bin/bash
# Trains pvdm/sprites-64 further from cached latents, then tunes it for few steps: $1: CLIPS of prepare.py; $2: output.
# The packaged weights are those of this script, which began with those of sprites-64.yaml. 75 minutes of one CPU core.
set -e
clips=$1 out=$2
start=${START:-pvdm/sprites-64}
pvdm=${PVDM:-pvdm}
export OMP_NUM_THREADS=1
mkdir -p "$out"

# Each clip four times, since encoding draws given frames once for each clip.
if [ ! -f "$out/clips/captions.csv" ]; then
  find "$clips/sprites-twice" -name '*.mp4' | while read -r file; do
    relative=${file#"$clips/sprites-twice/"}
    mkdir -p "$out/clips/$(dirname "$relative")"
    for copy in 0 1 2 3; do
      if [ "$copy" = 0 ] || [[ $relative == train/* ]]; then cp "$file" "$out/clips/${relative%.mp4}_$copy.mp4"; fi
    done
  done
  awk -F, -v OFS=, 'NR == 1 {print; next} {
    file = $1; sub(/\.mp4$/, "", file); copies = file ~ /^train\// ? 4 : 1
    for (copy = 0; copy < copies; copy++) {$1 = file "_" copy ".mp4"; print}
  }' "$clips/sprites-twice/captions.csv" > "$out/clips/captions.csv"
fi

recipe=(-c configs/velocity.yaml -c configs/sizes/sprites-64.yaml)
$pvdm encode "${recipe[@]}" --model.autoencoder "$start" --data.path "$out/clips" --data.layout classes \
  --data.captions true --data.workers 0 --trainer.precision 32-true --stride 16 \
  --hints first last ends random every gap --output "$out/latents"

# Two fifths of the samples have no caption, and half no class: what a newcomer asks for first.
common=(-c configs/data/latents.yaml --data.path "$out/latents" --data.height 64 --data.width 64 --data.captions true
  --data.batch_size 32 --data.workers 0 --model.text_dropout 0.4 --model.label_dropout 0.5 --model.context_dropout 0.85
  --model.given_frames '{first: 0.08, last: 0.03, ends: 0.06, random: 0.03, every: 0.06, gap: 0.05}'
  --trainer.precision 32-true --trainer.log_every_n_steps 20 --videos.every_n_updates 1000000)
$pvdm fit "${recipe[@]}" "${common[@]}" --model.autoencoder "$start" --model.init_from "$start" \
  --model.diffusion.autoguidance 0.0 --model.denoiser.width 176 --model.denoiser.text_layers 1 \
  --model.text.encoder words --model.text.tokens 24 --model.clause_dropout 0.1 --model.planes_apart 0.15 \
  --model.optimizer.learning_rate 1.0e-3 --model.optimizer.warmup_steps 60 --model.optimizer.cosine_steps 5200 \
  --averaging.decay 0.998 --trainer.max_steps 5200 --trainer.val_check_interval 600 --trainer.default_root_dir "$out/more"
$pvdm export "$out/more/checkpoints/last.ckpt" --skip-block 2 --autoguidance 0.7 --search-steps 2 3 4 5 8 \
  --overwrite --output "$out/teacher"

# Guidance is distilled, so that sampling costs one evaluation a step.
$pvdm fit -c configs/consistency.yaml "${common[@]}" --model.init_from "$out/teacher" --model.few_steps '[2, 4]' \
  --model.parts 8 --model.halvings 2 --model.any_steps 0.3 --model.optimizer.learning_rate 2.5e-4 \
  --model.optimizer.warmup_steps 30 --model.optimizer.cosine_steps 1100 --averaging.decay 0.99 \
  --trainer.max_steps 1100 --trainer.val_check_interval 200 --trainer.default_root_dir "$out/tuned"
$pvdm export "$out/tuned/checkpoints/last.ckpt" --half-precision --overwrite --output "$out/model"

# ADVERSARY=260 goes on with as many updates of the GAN phase, which did not help (docs/few_steps.md).
if [ -n "$ADVERSARY" ]; then
  [ -d "$out/adversary" ] || cp -r "$out/tuned" "$out/adversary"
  $pvdm fit -c configs/consistency.yaml -c configs/adversarial.yaml "${common[@]}" --model.init_from "$out/teacher" \
    --model.few_steps '[2, 4]' --model.parts 8 --model.halvings 2 --model.any_steps 0.3 \
    --model.adversary.start 1100 --model.adversary.warmup_steps 50 --model.optimizer.learning_rate 2.5e-4 \
    --model.optimizer.warmup_steps 30 --model.optimizer.cosine_steps 1500 --averaging.decay 0.99 \
    --trainer.max_steps $((1100 + ADVERSARY)) --trainer.val_check_interval 100 --trainer.default_root_dir "$out/adversary"
fi
