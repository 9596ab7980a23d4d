#!/usr/bin/env bash
# Train the shipped network anew, all its rounds: training/history/reproduce.sh DATA. About 23 hours on two cores, and for the
# fourteenth, the new networks, the nineteenth and the twenty-third 40 minutes on a large GPU.
# The same command goes on where it was interrupted. PYTHON chooses the interpreter; runs/ gets every result. OPINIONS may
# be a folder whose msrs/ and roadscene/ are what a network trained elsewhere says of these frames (docs/reference/files.md).
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}
data=${1:?"folder with msrs/, roadscene/ and m3svd/"}
rounds=training/history/configs
opinions=

module() { echo "== $*"; "$python" -m "$@"; }
run() { module "training.$@"; }

# NAME, CONFIG and options: a training, which resumes or, when it is through, ends at once.
train() { run train --config "$2" --data "$data" --out "runs/$1" "${@:3}"; }

# NAME, CONFIG and seeds: trainings side by side, a thread each.
train_beside() {
    export OMP_NUM_THREADS=1
    local pids=() pid
    for seed in "${@:3}"; do
        train "$1_$seed" "$2" --seed "$seed" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid"; done
    unset OMP_NUM_THREADS
}

# NAME, CONFIG whose frames settle batch norms, and the runs whose mean it is.
average() { run history.average_runs --runs "${@:3}" --config "$2" --data "$data" --out "runs/$1"; }

# NAME, runs whose mean labels and the folders of pairs: masks, which the next round learns from.
label_folders() {
    local pairs name folder networks said
    read -ra networks <<< "$2"
    for pairs in "${@:3}"; do
        name=$(basename "${pairs%/train}")
        folder=runs/$1/masks_$name
        [ -e "$folder" ] && continue
        rm -rf "$folder.partial"
        said=()
        if [ -n "$opinions" ] && [ -d "$opinions/$name" ]; then said=(--opinions "$opinions/$name"); fi
        run labelling.pseudo_label --run "${networks[@]}" --data "$pairs" "${said[@]}" --out "$folder.partial"
        mv "$folder.partial" "$folder"
    done
}
label() { label_folders "$1" "runs/$1" "$data/msrs/train" "$data/roadscene"; }

# Every twentieth frame of the clips: runs/clips.
extract_clips() {
    local clip
    [ -e runs/clips ] && return
    rm -rf runs/clips.partial
    for clip in "$@"; do
        rm -rf runs/clip.bag
        module mtvif_ros.recordings.make_bag --videos "$data/m3svd/$clip"_{vi,ir}.mp4 --out runs/clip.bag
        module mtvif_ros.recordings.extract --bag runs/clip.bag --every 20 --prefix "${clip}_" --out runs/clips.partial
    done
    rm -rf runs/clip.bag
    mv runs/clips.partial runs/clips
}

for name in first second third fourth; do
    train $name $rounds/$name.yaml
    label $name
done
train fifth $rounds/fifth.yaml
train fifth_whole $rounds/fifth_whole.yaml
average between $rounds/fourth.yaml runs/fourth runs/fifth_whole
label between
train sixth $rounds/sixth.yaml
train sixth_whole $rounds/sixth_whole.yaml
average sixth_mean $rounds/sixth_whole.yaml runs/sixth_whole runs/fifth_whole
label sixth_mean
train seventh $rounds/seventh.yaml
train seventh_whole $rounds/seventh_whole.yaml
average seventh_mean $rounds/seventh.yaml runs/seventh_whole runs/sixth_whole runs/fifth_whole
label seventh_mean
train_beside eighth $rounds/eighth.yaml 11 12 13
average eighth_mean $rounds/eighth.yaml runs/eighth_{11,12,13} runs/seventh_mean{,,,}
label eighth_mean
train_beside ninth $rounds/ninth.yaml 21 22 23
average ninth_mean $rounds/ninth.yaml runs/ninth_{21,22,23} runs/eighth_mean
label ninth_mean
train_beside tenth $rounds/tenth.yaml 31 32 33
average tenth_mean $rounds/tenth.yaml runs/tenth_{31,32,33} runs/ninth_mean
label tenth_mean
run history.prune --run runs/tenth_mean --data "$data" --out runs/narrow
train_beside eleventh $rounds/eleventh.yaml 41 42 43
average eleventh_mean $rounds/eleventh.yaml runs/eleventh_{41,42,43} runs/narrow
label eleventh_mean
train_beside twelfth $rounds/twelfth.yaml 51 52 53
average twelfth_mean $rounds/twelfth.yaml runs/twelfth_{51,52,53} runs/eleventh_mean
label twelfth_mean
extract_clips 0113_1714 0117_1620
label_folders twelfth_mean runs/twelfth_mean runs/clips
train_beside thirteenth $rounds/thirteenth.yaml 61 62 63
average thirteenth_mean $rounds/thirteenth.yaml runs/thirteenth_{61,62,63} runs/twelfth_mean
label thirteenth_mean
label_folders thirteenth_mean runs/thirteenth_mean runs/clips
train_beside fourteenth $rounds/fourteenth.yaml 71 72 73
average fourteenth_mean $rounds/fourteenth.yaml runs/fourteenth_{71,72,73} runs/thirteenth_mean
train fifteenth $rounds/fifteenth.yaml
average fifteenth_mean $rounds/fifteenth.yaml runs/fifteenth runs/fourteenth_mean
train imagenet $rounds/imagenet.yaml
run history.prune --run runs/imagenet --data "$data" --out runs/narrow_imagenet
train other $rounds/other.yaml
label_folders with_other "runs/fifteenth_mean runs/other" "$data/msrs/train" "$data/roadscene" runs/clips
train other_long $rounds/other_long.yaml
label_folders with_other_long "runs/fifteenth_mean runs/other_long" "$data/msrs/train" "$data/roadscene" runs/clips
train_beside sixteenth $rounds/sixteenth.yaml 131 132
average sixteenth_mean $rounds/sixteenth.yaml runs/sixteenth_{131,132} runs/fifteenth_mean
train seventeenth $rounds/seventeenth.yaml
average seventeenth_mean $rounds/seventeenth.yaml runs/seventeenth runs/fifteenth_mean
label_folders with_seventeenth "runs/fifteenth_mean runs/seventeenth_mean" "$data/msrs/train" "$data/roadscene" runs/clips
train_beside new $rounds/new.yaml 201 202 203
opinions=${OPINIONS:-}
label_folders with_new "runs/fifteenth_mean runs/seventeenth_mean runs/new_201 runs/new_202 runs/new_203" \
    "$data/msrs/train" "$data/roadscene" runs/clips
run history.graft --run runs/new_202 --part decoder.fusion decoder.fusion_pyramid --donor runs/seventeenth_mean --out runs/grafted
run history.prune --run runs/grafted --data "$data" --out runs/narrow_grafted
train_beside nineteenth $rounds/nineteenth.yaml 301 302 303
average nineteenth_mean $rounds/nineteenth.yaml runs/nineteenth_{301,302,303}
train twentieth $rounds/twentieth.yaml
train_beside twenty_first $rounds/twenty_first.yaml 331 332
average twenty_first_mean $rounds/twenty_first.yaml runs/twenty_first_{331,332} runs/twentieth
train twenty_second $rounds/twenty_second.yaml
train_beside twenty_third $rounds/twenty_third.yaml 401 402 403
average twenty_third_mean $rounds/twenty_third.yaml runs/twenty_third_{401,402,403}
train twenty_fourth $rounds/twenty_fourth.yaml
average twenty_fourth_mean $rounds/twenty_fourth.yaml runs/twenty_fourth runs/twenty_third_mean
train twenty_fifth $rounds/twenty_fifth.yaml
train twenty_sixth $rounds/twenty_sixth.yaml
train twenty_seventh training/configs/mtvif.yaml
run history.shift --run runs/twenty_seventh --logit curve=-1 --out runs/shipped

# The steps that this recipe takes; the shipped files, some of whose rounds were ended early, say less (docs/history.md).
about="--trained-on MSRS,RoadScene,M3SVD,rendered --licence research-use --model-version 0.1.0+147250.1"
run export --run runs/shipped --out models/mtvif.onnx --weights models/mtvif.safetensors $about
run export --run runs/shipped --out models/mtvif_fp16.onnx --precision fp16 $about
run quantise --model models/mtvif.onnx --data "$data/msrs/train" --out models/mtvif_int8.onnx
