import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from mtvif_ros.engines import load_engine
from mtvif_ros.imaging.codec import read_grey, read_rgb
from mtvif_ros.imaging.fuse import fuse_pair
from mtvif_ros.imaging.lenses import LensRegistration
from mtvif_ros.metrics.fusion import fusion_metrics, luma
from mtvif_ros.metrics.segmentation import confusion_matrix
from mtvif_ros.recordings.make_bag import FrameSource, from_rendered, make_bag
from mtvif_ros.recordings.pairs import find_stamp_pairs, read_pairs
from mtvif_ros.recordings.reader import IMAGE, BagReader, stamp_of
from mtvif_ros.recordings.timing import Timing
from mtvif_ros.recordings.writer import IR_TOPIC, RGB_TOPIC
from mtvif_ros.replay.command import main
from mtvif_ros.replay.node_process import NodeProcess
from mtvif_ros.replay.summary import read_summary
from mtvif_ros.synthetic import SceneConfig
from tests.mtvif_ros.recordings.tiny import IR, RGB, drive, write
from tests.mtvif_ros.replay.conftest import Replayed, run
from tests.mtvif_ros.rigs import INFRARED, VISIBLE, turned, view, wall, wall_bag

CAMERAS = (RGB_TOPIC, IR_TOPIC)


def test_every_pair_of_a_bag_is_answered_on_both_topics(small_bag: Path, replayed: Replayed) -> None:
    with BagReader(small_bag, CAMERAS) as bag:
        expected = len(find_stamp_pairs(bag, CAMERAS, 0.02, 0.0))
    assert 0 < expected < 12  # some frames were dropped
    assert replayed.code == 0, replayed.stdout + replayed.stderr
    summary = replayed.summary
    assert summary.pairs == expected
    for topic in ("/mtvif/fused", "/mtvif/segmentation"):
        of = summary.topics[topic]
        assert (of.answered, of.superseded, of.failed, of.lost, of.unexpected) == (expected, 0, 0, 0, 0)
        latencies = [of.latency_ms(percentile) or 0 for percentile in (50, 95, 99)]
        assert latencies[0] > 0 and latencies == sorted(latencies)
        assert topic in replayed.stdout
    assert summary.counts is not None and summary.counts.gaps() == []


def test_all_results_are_written_and_the_spool_is_gone(replayed: Replayed) -> None:
    pairs = replayed.summary.pairs
    preview = cv2.VideoCapture(str(replayed.out / "preview.mp4"))
    assert int(preview.get(cv2.CAP_PROP_FRAME_COUNT)) == pairs
    assert len(replayed.rows) == pairs and all(float(row["VIF"]) > 0 for row in replayed.rows)
    assert "All limits hold" in (replayed.out / "report.html").read_text()
    assert not (replayed.out / "outputs.spool").exists()


def test_the_bag_is_opened_once(replayed: Replayed, played_twice: Replayed) -> None:
    assert (replayed.opened, played_twice.opened) == (1, 1)


def test_the_scores_are_those_of_the_offline_evaluation(small_bag: Path, replayed: Replayed) -> None:
    engine = load_engine(Path(replayed.summary.model.file), "auto", size=(128, 160))
    scored, confusion = [], np.zeros((9, 9), np.int64)
    with BagReader(small_bag) as bag:
        labels = {stamp_of(r.raw): read_grey(r.message()) for r in bag.records(("/labels/image_raw",))}
        pairs = list(read_pairs(bag, CAMERAS, find_stamp_pairs(bag, CAMERAS, 0.02, 0.0)))
    for pair in pairs:
        rgb, ir = read_rgb(pair.rgb.message()).copy(), read_grey(pair.ir.message()).copy()
        fused, mask, _ = fuse_pair(engine, rgb, ir)
        scored.append(fusion_metrics(np.rint(luma(fused)), np.rint(luma(rgb)), ir))
        confusion += confusion_matrix(labels[stamp_of(pair.rgb.raw)], mask, 9)
    quality = replayed.summary.quality
    assert quality is not None
    for name, value in quality.fusion["model"].items():
        assert value == pytest.approx(np.mean([one[name] for one in scored]), rel=1e-9)
    assert quality.confusion == confusion.tolist()


def test_passes_continue_in_time_and_everything_is_recorded(played_twice: Replayed) -> None:
    summary = played_twice.summary
    assert summary.counts is not None and summary.counts.gaps() == []
    assert summary.pairs % 2 == 0 and summary.quality is not None
    assert summary.quality.scored == pytest.approx(summary.pairs / 4, abs=1)
    topics = (*CAMERAS, "/mtvif/fused", "/mtvif/segmentation")
    with BagReader(played_twice.out / "kept", topics) as reader:
        assert "/mtvif/overlay" in reader.kinds
        records = list(reader.records())
    stamps = {topic: [stamp_of(r.raw) for r in records if r.topic == topic] for topic in topics}
    assert all(list(of) == sorted(set(of)) for of in stamps.values())
    assert len(stamps["/mtvif/fused"]) == summary.pairs


def test_limits_decide_the_exit_code(played_twice: Replayed) -> None:
    assert played_twice.code == 2
    assert "MISS  latency.p50_ms" in played_twice.stdout and "ok    fusion.VIF" in played_twice.stdout


def test_a_node_that_runs_already_is_measured(small_bag: Path, tmp_path: Path) -> None:
    # Two passes, so that the second replay begins more than a second before the first ends.
    options = ("--node", "external", "--fast", "--no-preview", "--every", "8", "--loop", "2")
    with NodeProcess({}, tmp_path / "log") as process:
        process.wait_until(lambda: "engine" in (tmp_path / "log").read_text())
        for _ in range(2):  # the node's counts go on, the report's begin anew
            done = run(small_bag, tmp_path / "out", *options, domain=os.environ["ROS_DOMAIN_ID"])
            assert done.code == 0, done.stdout + done.stderr
    counts = done.summary.counts
    assert counts is not None and counts.answered == done.summary.pairs


def test_what_was_wrong_with_a_recording_and_its_answers_is_told(certain_model: Path, tmp_path: Path) -> None:
    scene = SceneConfig(seed=1, time="dusk", rate=15, width=80, height=60)
    frames = list(from_rendered(scene, 4.0).frames)
    for number in range(20, 40):
        frames[number] = frames[number]._replace(ir=np.full_like(frames[number].ir, 9))
    make_bag(FrameSource(iter(frames), len(frames)), tmp_path / "bag", Timing(rate=15))
    done = run(tmp_path / "bag", tmp_path / "out", "--model", str(certain_model), "--no-preview")
    assert done.summary.watch is not None and done.summary.quality is not None
    found = {one.kind: one for one in done.summary.watch.findings}
    assert found["uniform"].sentence in done.stdout
    assert found["alone"].sentence.startswith(f"The node answered from {RGB_TOPIC} alone")
    ((begin, end),) = found["alone"].spells
    assert begin == pytest.approx(20 / 15, abs=0.5) and end == pytest.approx(40 / 15, abs=0.5)
    assert 0 < (done.summary.quality.confidence or 0) < 1
    assert any(0 < float(row["confidence"] or 0) < 1 for row in done.rows)
    page = (done.out / "report.html").read_text()
    assert found["uniform"].sentence in page and "mean confidence" in page


def test_infrared_is_laid_on_through_the_lenses_of_the_recording(open_model: Path, tmp_path: Path) -> None:
    pose = turned(0.0, 0.0, 0.0)
    bag = wall_bag(tmp_path / "bag", 6.0, pose)
    topics = ("--rgb-topic", RGB, "--ir-topic", IR)
    size = ("--model", str(open_model), "--size", "240x320")
    kept = tmp_path / "kept"
    done = run(bag, tmp_path / "out", *topics, *size, "--distance", "6", "--fast", "--record", str(kept))
    assert done.summary.topics["/mtvif/fused"].answered == 4
    visible, infrared = view(VISIBLE, wall(0), 6.0), 255 - view(INFRARED, wall(0), 6.0, pose)
    laid = LensRegistration(VISIBLE, INFRARED, pose, 6.0)(infrared, VISIBLE.size, VISIBLE.size)
    with Reader(kept) as bag_of_all:
        before = list(takewhile(lambda one: one[0].topic != RGB, bag_of_all.messages()))
    assert b"lenses" in before[-1][2]  # the node's last report before the first frame
    with BagReader(kept, ("/mtvif/fused",)) as reader:
        fused = read_rgb(next(reader.records()).message())
    np.testing.assert_array_equal(fused, np.maximum(visible, laid)[..., None].repeat(3, axis=2))
    quality = done.summary.quality  # scored beside infrared that is laid on in the same way
    assert quality is not None and quality.fusion["model"] == pytest.approx(quality.fusion["max"])


def test_nobody_looks_for_faults_or_makes_a_preview_unless_asked_to(small_bag: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "preview.mp4").write_bytes(b"of an earlier replay")
    done = run(small_bag, tmp_path / "out", "--fast", "--no-watch", "--no-preview", "--every", "9")
    assert not (done.out / "preview.mp4").exists() and "preview.mp4" not in done.stdout
    assert done.summary.watch is None and "The recording" not in (done.out / "report.html").read_text()


def test_frames_that_come_late_or_twice_are_accounted_for(small_bag: Path, tmp_path: Path) -> None:
    with BagReader(small_bag, CAMERAS) as reader:
        records = list(reader.records())
    late = records.pop(3)
    spoiled = [*records[:8], late, *records[8:], records[-1]]  # a fifth of a second late
    store = get_typestore(Stores.ROS2_JAZZY)
    with Writer(tmp_path / "bag", version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        kinds = {topic: writer.add_connection(topic, IMAGE, typestore=store) for topic in CAMERAS}
        for number, record in enumerate(spoiled):
            writer.write(kinds[record.topic], number * 60_000_000, record.raw)
    counts = run(tmp_path / "bag", tmp_path / "out", "--no-preview", "--every", "9").summary.counts
    assert counts is not None and counts.gaps() == []
    assert sum(camera.sent for camera in counts.cameras.values()) == len(spoiled)
    assert sum(camera.duplicate for camera in counts.cameras.values()) == 1
    assert sum(camera.late for camera in counts.cameras.values()) == 1


def test_a_damaged_bag_gives_its_beginning_and_an_exit_code_of_its_own(
    rendered_bag: Path, tmp_path: Path
) -> None:
    bag = tmp_path / "bag"
    shutil.copytree(rendered_bag, bag)
    file = next(bag.glob("*.mcap"))
    with file.open("r+b") as stream:
        stream.truncate(file.stat().st_size // 2)
    done = run(bag, tmp_path / "out", "--fast", "--no-preview", "--every", "5", "--duration", "0.5")
    assert done.code == 3
    assert "The bag is damaged" in done.stdout
    assert "only a part of it" in (tmp_path / "out" / "report.html").read_text()


def kill_the_node_once_it_answers(out: Path) -> None:
    while not (out / "outputs.spool").exists() or not (out / "outputs.spool").stat().st_size:
        time.sleep(0.02)
    for child in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split():
        if b"fusion_node" in Path(f"/proc/{child}/cmdline").read_bytes():
            os.kill(int(child), signal.SIGKILL)


def test_what_was_answered_before_the_node_died_is_written(
    small_bag: Path, open_model: Path, tmp_path: Path
) -> None:
    killer = threading.Thread(target=kill_the_node_once_it_answers, args=(tmp_path / "out",), daemon=True)
    killer.start()
    done = run(small_bag, tmp_path / "out", "--model", str(open_model), "--no-preview", "--loop", "20")
    assert done.code == 1 and "the results end early: fusion_node ended" in done.stderr
    assert 0 < done.summary.topics["/mtvif/fused"].answered <= done.summary.pairs < 200


def test_ctrl_c_keeps_what_was_answered(small_bag: Path, open_model: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mtvif_ros.replay.command", "--bag", str(small_bag), "--no-preview"]
    command += ["--out", str(tmp_path), "--model", str(open_model), "--loop", "100", "--every", "20"]
    own_domain = {name: value for name, value in os.environ.items() if name != "ROS_DOMAIN_ID"}
    with subprocess.Popen(
        command,
        env=own_domain,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # a shell's `&` ignores Ctrl-C
    ) as process:
        assert process.stderr is not None
        while "replay: 10 %" not in (line := process.stderr.readline()):
            assert line, "the replay ended"
        process.send_signal(signal.SIGINT)
        told = process.stderr.read()
    assert process.returncode == 1
    assert "mtvif_replay: the results end early: interrupted" in told and "Traceback" not in told
    summary = read_summary(tmp_path / "summary.json")
    assert 0 < summary.topics["/mtvif/fused"].answered <= summary.pairs < 500
    assert summary.quality is not None and (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    ("changes", "code", "told"),
    [
        ({"stamp": 0}, 0, "frames have their times of arrival"),
        ({}, 2, "only 1; see --slop"),
    ],
)
def test_a_replay_over_few_of_the_frames_is_no_pass(
    changes: dict[str, Any], code: int, told: str, open_model: Path, tmp_path: Path
) -> None:
    apart = [shot._replace(stamp=shot.stamp + shot.value * (shot.topic == IR) * 10**12) for shot in drive(20)]
    shots = [shot._replace(**changes) for shot in apart]
    bag = write(tmp_path / "bag", shots, sizes={RGB: (60, 80), IR: (60, 80)})
    done = run(bag, tmp_path / "out", "--no-preview", "--model", str(open_model), "--fast")
    assert done.code == code and told in done.stderr


def test_infrared_in_false_colours_is_said(open_model: Path, tmp_path: Path) -> None:
    shots = [shot._replace(encoding="uyvy") if shot.topic == IR else shot for shot in drive(10)]
    bag = write(tmp_path / "bag", shots, sizes={RGB: (60, 80), IR: (60, 80)})
    options = ("--rgb-topic", RGB, "--ir-topic", IR, "--no-preview", "--model", str(open_model), "--fast")
    assert f"frames of {IR}: infrared comes in colours" in run(bag, tmp_path / "out", *options).stderr


def test_without_space_the_numbers_are_still_told(small_bag: Path, tiny_disk: Path) -> None:
    done = run(small_bag, tiny_disk / "out", "--fast")
    assert done.code == 1
    assert "no space left" in done.stderr and "report.html could not be written" in done.stderr
    assert "/mtvif/segmentation" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--bag", "/nowhere"], "/nowhere: no such file"),
        (["--bag", "BAG", "--ir-topic", "/thermal"], "no images on /thermal"),
        (["--bag", "BAG", "--label-topic", "/classes"], "no images on /classes"),
        (["--bag", "BAG", "--model", "/nowhere.onnx"], "/nowhere.onnx: no such file"),
        (["--bag", "BAG", "--rate", "0"], "--rate: '0' is not a number above 0"),
        (
            ["--bag", "BAG", "--size", "big"],
            "--size: 'big' is not HEIGHTxWIDTH",
        ),
        (["--bag", "BAG", "--slop", "1e300"], "--slop: '1e300' s is more than two stamps can differ by"),
        (["--bag", "BAG", "--offset", "-1e300"], "--offset: '-1e300' s is more than two stamps"),
        (["--bag", "BAG", "--loop", "0"], "--loop: 0 must be at least 1"),
        (["--bag", "BAG", "--start", "99"], "has no frames within --start 99.0 and --duration inf; it lasts"),
        (["--bag", "BAG", "--offset", "9"], "within 0.02 s of each other; see --slop and --offset"),
        (["--bag", "BAG", "--limits", "/nowhere.yaml"], "--limits /nowhere.yaml: cannot be read"),
        (["--bag", "BAG", "--registration", "/nowhere.yaml"], "/nowhere.yaml"),
    ],
)
def test_unusable_input_is_told_in_one_line(
    arguments: list[str], told: str, small_bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(small_bag) if a == "BAG" else a for a in arguments]
    with pytest.raises(SystemExit) as ended:
        main([*given, "--out", str(tmp_path)])
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("mtvif_replay: ") and told in line
