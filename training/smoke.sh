#!/usr/bin/env bash
# Go from recordings to a trained model in the node: every step of docs/how-to/train.md, on rendered drives of a small
# camera. Usage: PYTHON=python3 training/smoke.sh [FOLDER FOR ALL RESULTS]
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
out=${1:-runs/smoke}
data=$out/data

step() { echo "== $1 ($SECONDS s)"; }

rm -rf "$out"
# Seeds 51 to 53 are learnt from; 61 to 63 only judge.
for drive in "train day 51" "train dusk 52" "train night 53" "val day 61" "val dusk 62" "val night 63"; do
    read -r part time seed <<<"$drive"
    bag=$out/bags/$part/$time
    step "$part, $time: record, calibrate, extract"
    mkdir -p "$out/bags/$part"
    "$python" -m mtvif_ros.recordings.make_bag --rendered 40 --rate 2 --time "$time" --seed "$seed" \
        --size 320 256 --misaligned 4 --out "$bag"
    "$python" -m mtvif_ros.calibration.command --bag "$bag" --out "$out/$part-$time.yaml"
    "$python" -m mtvif_ros.recordings.extract --bag "$bag" --registration "$out/$part-$time.yaml" --every 2 \
        --prefix "${time}_" --out "$data/$part"
done

step "check and train"
sed 's/steps: 2000/steps: 150/; s/validate_every: 500/validate_every: 75/' training/configs/finetune.yaml >"$out/own.yaml"
"$python" -m training.check --config "$out/own.yaml" --data "$data"
"$python" -m training.train --config "$out/own.yaml" --data "$data" --out "$out/run"

step "export and quantise"
"$python" -m training.export --run "$out/run" --out "$out/mine.onnx"
"$python" -m training.quantise --model "$out/mine.onnx" --data "$data/train" --out "$out/mine_int8.onnx"
"$python" -m training.scoring.parity "$out/mine.onnx" "$out/mine_int8.onnx" --data "$data/val"

step "run in the node: a drive that was not learnt from, over DDS"
"$python" -m mtvif_ros.replay.command --bag "$out/bags/val/night" --registration "$out/val-night.yaml" \
    --model "$out/mine_int8.onnx" --fast --out "$out/replay"

step "evaluate on drives that were not learnt from: the shipped model, then this one"
"$python" -m training.evaluate --model models/mtvif_int8.onnx --data "$data/val"
"$python" -m training.evaluate --model "$out/mine_int8.onnx" --data "$data/val"
echo "== done ($SECONDS s)"
