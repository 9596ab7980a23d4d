from pathlib import Path

import numpy as np
import pytest

from mtvif_ros.calibration.track import read_tracks, small_grey, stretches
from mtvif_ros.recordings.reader import BagReader
from tests.mtvif_ros.recordings.tiny import BEGIN, IR, MS, RGB, Shot, write


def test_a_recording_becomes_two_tracks_and_the_distance_of_their_stamps(tmp_path: Path) -> None:
    shots = [
        Shot(topic, BEGIN + n * 100 * MS, BEGIN + (n * 100 + late) * MS, value=n)
        for n in range(20)
        for topic, late in ((RGB, 0), (IR, 3000))
    ]
    with BagReader(write(tmp_path / "bag", shots)) as bag:
        visible, infrared, apart = read_tracks(bag, (RGB, IR))
    assert apart == pytest.approx(3.0)
    assert visible.frames.shape == infrared.frames.shape == (20, 60, 80)
    assert np.diff(visible.stamps) == pytest.approx(0.1, abs=1e-6)
    assert infrared.stamps - visible.stamps == pytest.approx(3.0, abs=1e-6)
    assert visible.frames[7, 0, 0] == 7


def test_of_a_long_recording_few_parts_are_read() -> None:
    assert stretches(0, 20) == [(k * 4.0, k * 4.0 + 4) for k in range(5)]
    parts = stretches(100, 3700)
    assert len(parts) == 12 and parts[0] == (100, 110) and parts[-1] == (3690, 3700)


def test_frames_of_any_size_become_small_and_grey() -> None:
    assert small_grey(np.full((480, 640, 3), 50, np.uint8)).shape == (60, 80)
    assert (small_grey(np.full((96, 128), 50, np.uint8)) == 50).all()
