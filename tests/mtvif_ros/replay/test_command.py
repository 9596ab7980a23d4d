import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from mtvif_ros.engines import load_engine
from mtvif_ros.imaging.codec import read_grey, read_rgb
from mtvif_ros.imaging.fuse import fuse_pair
from mtvif_ros.metrics.fusion import fusion_metrics, luma
from mtvif_ros.metrics.segmentation import confusion_matrix
from mtvif_ros.recordings.pairs import mutual_nearest, read_pairs, read_stamps, stamp_pairs
from mtvif_ros.recordings.reader import IMAGE, BagReader, stamp_of
from mtvif_ros.recordings.writer import IR_TOPIC, RGB_TOPIC
from mtvif_ros.replay.command import main
from mtvif_ros.replay.node_process import NodeProcess


class Replayed(NamedTuple):
    """Hold the results of a replay: the folder, what it printed, and its summary."""

    out: Path
    stdout: str
    summary: dict[str, Any]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a replay in a domain of its own choice, unless one is given."""
    command = [sys.executable, "-m", "mtvif_ros.replay.command", *arguments]
    env = {name: value for name, value in os.environ.items() if name != "ROS_DOMAIN_ID"} | environment
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)


@pytest.fixture(scope="module")
def replayed(rendered_bag: Path, model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    """A whole bag, as fast as the node answers."""
    out = tmp_path_factory.mktemp("replayed")
    done = run("--bag", str(rendered_bag), "--out", str(out), "--model", str(model_path), "--fast")
    assert done.returncode == 0, done.stdout + done.stderr
    return Replayed(out, done.stdout, json.loads((out / "summary.json").read_text()))


def test_every_pair_of_a_bag_is_answered_on_both_topics(rendered_bag: Path, replayed: Replayed) -> None:
    with BagReader(rendered_bag, (RGB_TOPIC, IR_TOPIC)) as reader:
        records = list(reader.records())
    stamps = [[stamp_of(r.raw) for r in records if r.topic == topic] for topic in (RGB_TOPIC, IR_TOPIC)]
    expected = len(mutual_nearest(stamps[0], stamps[1], 20_000_000))
    assert 0 < expected < 30  # some frames were dropped

    summary = replayed.summary
    assert summary["pairs"] == expected
    for topic in ("/mtvif/fused", "/mtvif/segmentation"):
        values = summary["topics"][topic]
        assert (values["answered"], values["lost"], values["unexpected"]) == (expected, 0, 0)
        assert values["latency_p50_ms"] <= values["latency_p95_ms"] <= values["latency_p99_ms"]
        assert topic in replayed.stdout
    preview = cv2.VideoCapture(str(replayed.out / "preview.mp4"))
    assert int(preview.get(cv2.CAP_PROP_FRAME_COUNT)) == expected
    assert not (replayed.out / "outputs.spool").exists()
    assert summary["counts"]["agree"] is True
    assert "All limits hold" in (replayed.out / "report.html").read_text()
    with (replayed.out / "pairs.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == expected and all(float(row["VIF"]) > 0 for row in rows)


def test_the_scores_are_those_of_the_offline_evaluation(
    rendered_bag: Path, model_path: Path, replayed: Replayed
) -> None:
    quality = replayed.summary["quality"]
    topics = (RGB_TOPIC, IR_TOPIC)
    engine = load_engine(model_path, "auto")
    scored, confusion = [], np.zeros((9, 9), np.int64)
    with BagReader(rendered_bag, ("/labels/image_raw",)) as reader:
        labels = {stamp_of(r.raw): read_grey(r.message()) for r in reader.records()}
    for pair in read_pairs(rendered_bag, topics, stamp_pairs(*read_stamps(rendered_bag, topics), 20_000_000)):
        rgb, ir = read_rgb(pair.rgb.message()).copy(), read_grey(pair.ir.message()).copy()
        fused, mask = fuse_pair(engine, rgb, ir)
        scored.append(fusion_metrics(np.rint(luma(fused)), np.rint(luma(rgb)), ir))
        confusion += confusion_matrix(labels[stamp_of(pair.rgb.raw)], mask, 9)
    for name, value in quality["fusion"]["model"].items():
        assert value == pytest.approx(np.mean([one[name] for one in scored]), rel=1e-9)
    assert quality["confusion"] == confusion.tolist()


def test_passes_go_on_in_time_and_everything_is_kept(rendered_bag: Path, tmp_path: Path) -> None:
    out, bag = tmp_path / "out", tmp_path / "kept"
    done = run(
        *("--bag", str(rendered_bag), "--out", str(out), "--record", str(bag), "--clock", "--no-preview"),
        *("--loop", "2", "--rate", "0.5", "--start", "0.3", "--duration", "1.0", "--every", "4"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads((out / "summary.json").read_text())
    assert summary["counts"]["agree"] and summary["pairs"] % 2 == 0 and 16 <= summary["pairs"] <= 30
    assert summary["quality"]["scored"] == pytest.approx(summary["pairs"] / 4, abs=1)
    topics = (RGB_TOPIC, IR_TOPIC, "/mtvif/fused", "/mtvif/segmentation")
    with BagReader(bag, topics) as reader:
        assert "/mtvif/overlay" in reader.kinds
        records = list(reader.records())
    stamps = {topic: [stamp_of(r.raw) for r in records if r.topic == topic] for topic in topics}
    assert all(list(of) == sorted(set(of)) for of in stamps.values())
    assert len(stamps["/mtvif/fused"]) == summary["pairs"]


def test_a_node_that_is_already_there_is_measured(rendered_bag: Path, tmp_path: Path) -> None:
    domain = {"ROS_DOMAIN_ID": os.environ["ROS_DOMAIN_ID"]}
    with NodeProcess({}, tmp_path / "log") as process:
        process.wait_until(lambda: "engine" in (tmp_path / "log").read_text())
        for _ in range(2):  # the node's counts go on, the report's begin anew
            done = run(
                *("--bag", str(rendered_bag), "--out", str(tmp_path / "out"), "--node", "external"),
                *("--fast", "--no-preview", "--every", "8"),
                **domain,
            )
            assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["counts"]["agree"] and summary["counts"]["answered"] == summary["pairs"]


def test_frames_that_come_late_or_twice_are_accounted_for(rendered_bag: Path, tmp_path: Path) -> None:
    with BagReader(rendered_bag, (RGB_TOPIC, IR_TOPIC)) as reader:
        records = list(reader.records())
    late = records.pop(9)
    spoiled = [*records[:22], late, *records[22:30], records[29], *records[30:]]
    store = get_typestore(Stores.ROS2_JAZZY)
    with Writer(tmp_path / "bag", version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        kinds = {
            topic: writer.add_connection(topic, IMAGE, typestore=store) for topic in (RGB_TOPIC, IR_TOPIC)
        }
        for number, record in enumerate(spoiled):
            writer.write(kinds[record.topic], number * 33_000_000, record.raw)
    run("--bag", str(tmp_path / "bag"), "--out", str(tmp_path / "out"), "--no-preview", "--every", "9")
    counts = json.loads((tmp_path / "out" / "summary.json").read_text())["counts"]
    assert counts["agree"], counts["why"]
    cameras = [counts[camera] for camera in ("rgb/image_raw", "ir/image_raw")]
    assert sum(camera["sent"] for camera in cameras) == len(spoiled)
    assert sum(camera["duplicate"] for camera in cameras) == 1
    assert sum(camera["late"] for camera in cameras) == 1


def test_a_damaged_bag_gives_its_beginning_and_an_exit_code_of_its_own(
    rendered_bag: Path, tmp_path: Path
) -> None:
    bag = tmp_path / "bag"
    shutil.copytree(rendered_bag, bag)
    file = next(bag.glob("*.mcap"))
    with file.open("r+b") as stream:
        stream.truncate(file.stat().st_size // 2)
    done = run("--bag", str(bag), "--out", str(tmp_path / "out"), "--no-preview", "--every", "5")
    assert done.returncode == 3
    assert "the bag is damaged" in done.stdout
    assert "only a part of it" in (tmp_path / "out" / "report.html").read_text()


def test_limits_decide_the_exit_code(rendered_bag: Path, tmp_path: Path) -> None:
    limits = tmp_path / "limits.yaml"
    limits.write_text("latency.p50_ms: {max: 0.1}\nfusion.VIF: {min: 0.1}\n")
    done = run(
        *("--bag", str(rendered_bag), "--out", str(tmp_path / "out"), "--limits", str(limits)),
        *("--no-preview", "--every", "9"),
    )
    assert done.returncode == 2
    assert "falls short: latency.p50_ms" in done.stdout and "fusion.VIF" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--bag", "/nowhere"], "/nowhere: no such file"),
        (["--bag", "BAG", "--ir-topic", "/thermal"], "no images on /thermal"),
        (["--bag", "BAG", "--model", "/nowhere.onnx"], "/nowhere.onnx: no such file"),
        (["--bag", "BAG", "--rate", "0"], "--rate: 0.0 must be positive"),
        (["--bag", "BAG", "--loop", "0"], "--loop: must be at least 1"),
        (["--bag", "BAG", "--start", "99"], "has no frames within --start 99.0 and --duration inf; it lasts"),
        (["--bag", "BAG", "--offset", "9"], "within 0.02 s of each other; see --slop and --offset"),
        (["--bag", "BAG", "--limits", "/nowhere.yaml"], "--limits /nowhere.yaml: cannot be read"),
        (["--bag", "BAG", "--registration", "/nowhere.yaml"], "/nowhere.yaml"),
    ],
)
def test_unusable_input_is_told_in_one_line(
    arguments: list[str],
    told: str,
    rendered_bag: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = [str(rendered_bag) if a == "BAG" else a for a in arguments]
    assert main([*given, "--out", str(tmp_path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("mtvif_replay: ") and told in line


def test_without_space_the_numbers_are_still_told(
    rendered_bag: Path, tiny_disk: Path, tmp_path: Path
) -> None:
    done = run("--bag", str(rendered_bag), "--out", str(tiny_disk / "out"), "--duration", "1")
    assert done.returncode == 1
    assert "no space left" in done.stderr and "report.html could not be written" in done.stderr
    assert "/mtvif/segmentation" in done.stdout
    assert "Traceback" not in done.stderr
