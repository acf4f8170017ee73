#!/bin/bash
# Trains pvdm/sprites-64 further from cached latents, then tunes it for few steps: $1: CLIPS of prepare.py; $2: output.
# The packaged weights are those of this script, which began with those of sprites-64.yaml. 2.5 hours of one CPU core.
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

# The decoder sees noised latents, which are more like those that a denoiser makes; the latents stay as they are.
$pvdm fit -c configs/spectral.yaml -c configs/sizes/spectral-64.yaml --model.autoencoder.latent_power 0.5 \
  --model.autoencoder.still_gain 1.0 --model.autoencoder.motion_gain 1.0 --model.autoencoder.features 144 \
  --model.autoencoder.content_channels '[34, 2, 5, 3, 3, 2, 3, 2, 2, 2, 2, 1, 1, 1, 1]' --data.path "$clips/sprites" \
  --data.layout classes --data.horizontal_flip false --data.batch_size 8 --data.workers 0 --model.init_from "$start" \
  --model.freeze_encoder true --model.latent_noise 0.3 --model.optimizer.learning_rate 3.0e-4 \
  --model.optimizer.warmup_steps 10 --model.optimizer.cosine_steps 600 --averaging.decay 0.99 --trainer.max_steps 600 \
  --trainer.precision bf16-mixed --trainer.default_root_dir "$out/decoder"
autoencoder=$out/decoder/checkpoints/last.ckpt

# Two fifths of the samples have no caption, and half no class: what a newcomer asks for first. Then twice the updates in
# bfloat16, which a CPU with instructions for it makes in half the time.
common=(-c configs/data/latents.yaml --data.path "$out/latents" --data.height 64 --data.width 64 --data.captions true
  --data.batch_size 32 --data.workers 0 --model.text_dropout 0.4 --model.label_dropout 0.5 --model.context_dropout 0.85
  --model.given_frames '{first: 0.08, last: 0.03, ends: 0.06, random: 0.03, every: 0.06, gap: 0.05}'
  --trainer.log_every_n_steps 20 --videos.every_n_updates 1000000)
train() {  # NAME BEGINNING UPDATES WARMUP PRECISION
  $pvdm fit "${recipe[@]}" "${common[@]}" --model.autoencoder "$autoencoder" --model.init_from "$2" \
    --model.diffusion.autoguidance 0.0 --model.denoiser.width 176 --model.denoiser.text_layers 1 \
    --model.text.encoder words --model.text.tokens 24 --model.clause_dropout 0.1 --model.planes_apart 0.15 \
    --model.optimizer.learning_rate 1.0e-3 --model.optimizer.warmup_steps "$4" --model.optimizer.cosine_steps "$3" \
    --averaging.decay 0.998 --trainer.max_steps "$3" --trainer.precision "$5" --trainer.val_check_interval 500 \
    --trainer.default_root_dir "$out/$1"
}
train first "$start" 5200 60 32-true
train more "$out/first/checkpoints/last.ckpt" 9000 100 bf16-mixed
$pvdm export "$out/more/checkpoints/last.ckpt" --skip-block 2 --autoguidance 0.5 --search-steps 2 3 4 5 8 \
  --overwrite --output "$out/teacher"

# Guidance is distilled, so that sampling costs one evaluation a step. What a caption says, skin above all, comes better
# without autoguidance.
$pvdm fit -c configs/consistency.yaml "${common[@]}" --model.init_from "$out/teacher" --model.few_steps '[2, 4]' \
  --trainer.precision bf16-mixed --model.parts 8 --model.halvings 2 --model.any_steps 0.3 --model.autoguided_text false \
  --model.optimizer.learning_rate 2.5e-4 --model.optimizer.warmup_steps 30 --model.optimizer.cosine_steps 1700 \
  --averaging.decay 0.99 --trainer.max_steps 1700 --trainer.val_check_interval 250 --trainer.default_root_dir "$out/tuned"
$pvdm export "$out/tuned/checkpoints/last.ckpt" --half-precision --overwrite --output "$out/model"
