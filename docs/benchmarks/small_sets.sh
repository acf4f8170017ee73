#!/bin/sh
# From training to the report, on small subsets of UCF101 and SkyTimelapse, on a CPU: small_sets_ucf101.json and
# small_sets_skytimelapse.json. Run in a clone. $1, $2: the data sets; $3: folder for runs and reports.
set -e
ucf101=$1 skytimelapse=$2 out=${3:-small_sets}
here=$(dirname "$0")
export OMP_NUM_THREADS=1

train() {  # data set, its folder, updates of stage 1 and of stage 2, further options of stage 2
    name=$1 data=$2 first=$3 second=$4
    shift 4
    pvdm fit -c configs/autoencoder.yaml -c "configs/data/$name.yaml" -c "$here/small_sets_autoencoder.yaml" \
        --data.path "$data" --trainer.default_root_dir "$out/$name/autoencoder" --trainer.max_steps "$first"
    pvdm fit -c configs/diffusion.yaml "$@" -c "configs/data/$name.yaml" -c "$here/small_sets_diffusion.yaml" \
        --data.path "$data" --model.autoencoder "$out/$name/autoencoder/checkpoints/last.ckpt" \
        --trainer.default_root_dir "$out/$name/diffusion" --trainer.max_steps "$second"
    pvdm export "$out/$name/diffusion/checkpoints/last.ckpt" --output "$out/$name/model"
}

report() {  # data set, its folder, videos of each setting
    pvdm benchmark "$1" --root "$2" --model "$out/$1/model" --quick --num-videos "$3" \
        --settings 40/20 dpmpp_2m:10/10 --output "$out/$1/report"
}

train ucf101 "$ucf101" 514 450 -c configs/class_conditional.yaml
train skytimelapse "$skytimelapse" 550 260
report ucf101 "$ucf101" 12
report skytimelapse "$skytimelapse" 8
