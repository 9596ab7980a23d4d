"""What was wrong with a recording is told in words, with its times."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mtvif_ros.imaging.registration import Registration
from mtvif_ros.recordings.make_bag import FrameSource, from_rendered, make_bag
from mtvif_ros.recordings.reader import BagReader
from mtvif_ros.recordings.timing import Timing
from mtvif_ros.recordings.writer import IR_TOPIC, RGB_TOPIC, BagFrame
from mtvif_ros.replay.options import ReplayOptions
from mtvif_ros.replay.plan import plan_replay
from mtvif_ros.replay.watch import Watched, watch_recording
from mtvif_ros.synthetic import SceneConfig

RATE, SECONDS = 10.0, 9.0
ON_TIME = Timing(rate=RATE)

Spoil = Callable[[float, BagFrame], BagFrame]


@pytest.fixture(scope="module")
def frames() -> list[BagFrame]:
    scene = SceneConfig(seed=5, time="day", rate=RATE, width=320, height=256)
    return list(from_rendered(scene, SECONDS).frames)


@pytest.fixture
def watch(frames: list[BagFrame], tmp_path: Path) -> Callable[..., Watched]:
    def seen(
        spoil: Spoil = lambda _, frame: frame,
        timing: Timing = ON_TIME,
        thermal: tuple[float, float] = (1.0, 0.0),
    ) -> Watched:
        spoiled = [spoil(number / RATE, frame) for number, frame in enumerate(frames)]
        make_bag(FrameSource(iter(spoiled), len(spoiled)), tmp_path / "bag", timing)
        options = ReplayOptions(tmp_path / "bag", tmp_path / "out", slop=0.05, offset=timing.offset)
        with BagReader(tmp_path / "bag") as bag:
            return watch_recording(plan_replay(bag, options), Registration(), 0.0, thermal)

    return seen


def kinds(watched: Watched) -> list[str]:
    return [one.kind for one in watched.watch.findings]


def test_a_good_recording_has_no_fault(watch: Callable[..., Watched]) -> None:
    watched = watch()
    assert watched.watch.findings == () and watched.watch.unchecked == ()
    assert abs(watched.watch.clock_ms or 99) < 10 and (watched.watch.shift_px or 99) < 2


def test_a_shutter_is_told_with_its_times(watch: Callable[..., Watched]) -> None:
    def shuttered(at: float, frame: BagFrame) -> BagFrame:
        return frame._replace(ir=np.full_like(frame.ir, 70)) if 3 <= at < 3.8 or 6 <= at < 6.5 else frame

    (finding,) = watch(shuttered).watch.findings
    assert finding.kind == "uniform"
    assert np.allclose(finding.spells, ((3, 3.8), (6, 6.5)), atol=0.01)
    assert f"{IR_TOPIC} showed one brightness only" in finding.sentence
    assert finding.sentence.endswith("from 3.0 to 3.8 s, from 6.0 to 6.5 s.")


def test_a_camera_that_hangs_is_told(watch: Callable[..., Watched], frames: list[BagFrame]) -> None:
    def hung(at: float, frame: BagFrame) -> BagFrame:
        return frame._replace(rgb=frames[20].rgb) if 2 <= at < 4.05 else frame

    (finding,) = watch(hung).watch.findings
    assert finding.kind == "still" and np.allclose(finding.spells, ((2, 4),), atol=0.01)


def test_a_recording_of_one_picture_is_no_camera_that_hangs(
    watch: Callable[..., Watched], frames: list[BagFrame]
) -> None:
    assert "still" not in kinds(watch(lambda _, frame: frames[0]))


def test_a_gap_is_told(watch: Callable[..., Watched]) -> None:
    watched = watch(timing=Timing(rate=RATE, dropped=0.8, seed=1))
    assert "silent" in kinds(watched)
    silent = next(one for one in watched.watch.findings if one.kind == "silent")
    assert "sent nothing" in silent.sentence and all(end - begin > 0.5 for begin, end in silent.spells)


def test_glare_is_told_of_either_camera(watch: Callable[..., Watched]) -> None:
    def glaring(at: float, frame: BagFrame) -> BagFrame:
        if not 4 <= at < 6:
            return frame
        rgb, ir = frame.rgb.copy(), frame.ir.copy()
        rgb[:100], ir[:, :64] = 255, 255
        return frame._replace(rgb=rgb, ir=ir)

    glare = {one.sentence.split()[0]: one for one in watch(glaring).watch.findings if one.kind == "glare"}
    assert "overexposed, up to 39%" in glare[RGB_TOPIC].sentence
    assert "saturated, up to 2" in glare[IR_TOPIC].sentence
    assert np.allclose(glare[RGB_TOPIC].spells, ((4, 6),), atol=0.01)


def test_clocks_that_differ_are_told_with_the_remedy(watch: Callable[..., Watched]) -> None:
    watched = watch(timing=Timing(rate=RATE, offset=0.3))
    (finding,) = (one for one in watched.watch.findings if one.kind == "clock")
    assert "Infrared stamps are 30" in finding.sentence and "after the visible ones" in finding.sentence
    assert "sync.offset to 0.30" in finding.sentence or "sync.offset to 0.29" in finding.sentence


def test_infrared_that_lies_off_and_moves_is_told(watch: Callable[..., Watched]) -> None:
    def moved(at: float, frame: BagFrame) -> BagFrame:
        return frame._replace(ir=np.roll(frame.ir, -10 if at > SECONDS / 2 else -5, axis=1))

    found = {one.kind: one.sentence for one in watch(moved).watch.findings}
    assert "px right" in found["registration"] and "mtvif_calibrate" in found["registration"]
    assert "moved against each other by 5" in found["registration_drift"]


def test_cameras_without_common_edges_are_not_called_well_registered(
    watch: Callable[..., Watched], rng: np.random.Generator
) -> None:
    def noisy(_: float, frame: BagFrame) -> BagFrame:
        return frame._replace(ir=rng.integers(0, 255, frame.ir.shape, np.uint8))

    watched = watch(noisy)
    assert watched.watch.shift_px is None
    assert any("registration was not checked" in reason for reason in watched.watch.unchecked)
    assert any("clocks were not compared" in reason for reason in watched.watch.unchecked)


def test_temperatures_are_those_of_radiometric_infrared(watch: Callable[..., Watched]) -> None:
    def radiometric(_: float, frame: BagFrame) -> BagFrame:
        kelvin = 29000 + 10 * frame.ir.astype(np.uint16)
        kelvin[5, 5] = 37315  # 100 °C
        return frame._replace(ir=kelvin)

    watched = watch(radiometric, thermal=(0.01, -273.15))
    assert watched.watch.warmest == pytest.approx(100, abs=0.01)
    assert watched.watch.coldest is not None and 16 < watched.watch.coldest < 30
    assert len(watched.celsius) == round(RATE * SECONDS)
    assert all(coldest <= median <= warmest for _, (coldest, median, warmest) in watched.celsius)
