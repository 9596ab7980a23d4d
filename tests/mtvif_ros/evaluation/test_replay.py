import json
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from mtvif_ros.bags.pairs import mutual_nearest
from mtvif_ros.bags.reader import BagReader, stamp_of
from mtvif_ros.bags.writer import IR_TOPIC, RGB_TOPIC


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mtvif_ros.evaluation.replay", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_every_pair_of_a_bag_is_answered_on_both_topics(rendered_bag: Path, tmp_path: Path) -> None:
    with BagReader(rendered_bag, (RGB_TOPIC, IR_TOPIC)) as reader:
        records = list(reader.records())
    stamps = [[stamp_of(r.raw) for r in records if r.topic == topic] for topic in (RGB_TOPIC, IR_TOPIC)]
    expected = len(mutual_nearest(stamps[0], stamps[1], 20_000_000))
    assert 0 < expected < 30  # some frames were dropped

    done = run("--bag", str(rendered_bag), "--out", str(tmp_path))

    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["pairs"] == expected
    for topic in ("/mtvif/fused", "/mtvif/segmentation"):
        values = summary["topics"][topic]
        assert (values["answered"], values["lost"], values["unexpected"]) == (expected, 0, 0)
        assert values["latency_p50_ms"] <= values["latency_p95_ms"] <= values["latency_p99_ms"]
        assert topic in done.stdout
    preview = cv2.VideoCapture(str(tmp_path / "preview.mp4"))
    assert int(preview.get(cv2.CAP_PROP_FRAME_COUNT)) == expected
    assert not (tmp_path / "outputs.spool").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--bag", "/nowhere"], "/nowhere: no such file"),
        (["--bag", "BAG", "--ir-topic", "/thermal"], "no images on /thermal"),
        (["--bag", "BAG", "--model", "/nowhere.onnx"], "/nowhere.onnx: no such file"),
    ],
)
def test_unusable_input_is_told_in_one_line(
    arguments: list[str], told: str, rendered_bag: Path, tmp_path: Path
) -> None:
    given = [str(rendered_bag) if a == "BAG" else a for a in arguments]
    done = run(*given, "--out", str(tmp_path))
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr
