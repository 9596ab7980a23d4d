#!/usr/bin/env bash
# From recordings to a model of one's own in a running node, on rendered drives of a small camera:
# every step of docs/training.md. PYTHON chooses the interpreter, the argument the folder for all results.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
out=${1:-runs/smoke}
data=$out/data

step() { echo "== $1 ($SECONDS s)"; }

rm -rf "$out"
# Seeds 51 to 53 are learnt from, 61 to 63 only judge.
for drive in "train 51 day" "train 52 dusk" "train 53 night" "val 61 day" "val 62 dusk" "val 63 night"; do
    read -r part seed time <<<"$drive"
    bag=$out/bags/$part/$time
    step "$part, $time: record, calibrate, extract"
    mkdir -p "$out/bags/$part"
    "$python" -m mtvif_ros.bags.make_bag --rendered 40 --rate 2 --time "$time" --seed "$seed" --size 320 256 \
        --misaligned 4 --out "$bag"
    "$python" -m mtvif_ros.calibration.calibrate --bag "$bag" --out "$out/$part-$time.yaml"
    "$python" -m mtvif_ros.bags.extract --bag "$bag" --registration "$out/$part-$time.yaml" --every 2 \
        --prefix "${time}_" --out "$data/$part"
done

step "check and train"
"$python" -m training.check --config training/configs/smoke.yaml --data "$data"
"$python" -m training.train --config training/configs/smoke.yaml --data "$data" --out "$out/run"

step "export and quantise"
"$python" -m training.export --run "$out/run" --out "$out/mine.onnx" --height 256 --width 320
"$python" -m training.quantise --model "$out/mine.onnx" --data "$data/train" --out "$out/mine_int8.onnx"
"$python" -m training.parity "$out/mine.onnx" "$out/mine_int8.onnx" --data "$data/val"

step "run in the node: a held-out drive over DDS"
"$python" -m mtvif_ros.evaluation.replay --bag "$out/bags/val/night" --model "$out/mine_int8.onnx" \
    --registration "$out/val-night.yaml" --out "$out/replay" --fast

step "evaluate on the drives that were not learnt from: the shipped model, then this one"
"$python" -m training.evaluate --model models/mtvif_int8.onnx --data "$data/val"
"$python" -m training.evaluate --model "$out/mine_int8.onnx" --data "$data/val"
echo "== done ($SECONDS s)"
