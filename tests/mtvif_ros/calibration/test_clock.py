from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from mtvif_ros.calibration.clock import ClockError, find_offset
from mtvif_ros.calibration.track import Track
from mtvif_ros.imaging.registration import Registration

Times = npt.NDArray[np.float64]


def walkers(times: Times, inverted: bool = False, seed: int = 0) -> Track:
    """Discs that swing about in a noisy picture, dark ones on bright ground or the other way round."""
    rng = np.random.default_rng(5)
    places, sizes, phases = rng.uniform(0, 1, (9, 2)), rng.uniform(3, 7, 9), rng.uniform(0, 6, (9, 2))
    speeds = rng.uniform(0.7, 2.5, (9, 2))
    noise = np.random.default_rng((seed, inverted))
    frames = []
    for time in times:
        frame = np.full((60, 80), 90, np.uint8)
        for place, size, phase, speed in zip(places, sizes, phases, speeds):
            x, y = (place + 0.2 * np.sin(speed * time + phase)) * (80, 60)
            cv2.circle(frame, (round(x * 16), round(y * 16)), round(size * 16), 200, -1, cv2.LINE_AA, 4)
        noisy = frame + noise.normal(0, 2, frame.shape)
        frames.append(255 - noisy if inverted else noisy)
    return Track(times, np.clip(frames, 0, 255).astype(np.uint8))


def every(rate: float, seconds: float = 20.0, first: float = 0.0) -> Times:
    return first + np.arange(int(seconds * rate)) / rate


@pytest.mark.parametrize(
    ("rates", "offset"),
    [((30, 30), 0.5), ((30, 30), -0.0123), ((30, 9), -0.5), ((30, 9), 0.2), ((60, 25), 0.031)],
)
def test_clocks_are_compared_within_5_ms_whatever_the_rates(
    rates: tuple[float, float], offset: float
) -> None:
    visible, infrared = walkers(every(rates[0])), walkers(every(rates[1], first=0.007), inverted=True)
    found = find_offset(visible, infrared._replace(stamps=infrared.stamps + offset))
    assert found.offset == pytest.approx(offset, abs=0.005)
    assert found.uncertainty < 0.005 and found.drift == 0


def test_clocks_that_are_far_apart_are_compared_around_a_guess() -> None:
    visible, infrared = walkers(every(20)), walkers(every(20), inverted=True)
    found = find_offset(visible, infrared._replace(stamps=infrared.stamps - 5000.3), -5000.0)
    assert found.offset == pytest.approx(-5000.3, abs=0.005)


def test_lost_frames_and_flicker_change_little() -> None:
    rng = np.random.default_rng(1)
    visible, infrared = (walkers(every(30), inverted=inverted) for inverted in (False, True))
    flicker = rng.integers(-15, 15, (len(visible.frames), 1, 1))
    flickering = np.clip(visible.frames.astype(int) + flicker, 0, 255).astype(np.uint8)
    kept = rng.random(len(infrared.stamps)) > 0.1
    thinned = Track(infrared.stamps[kept] + 0.1, infrared.frames[kept])
    found = find_offset(visible._replace(frames=flickering), thinned)
    assert found.offset == pytest.approx(0.1, abs=0.005)


def test_a_camera_with_a_narrower_view_is_compared_once_it_is_registered() -> None:
    visible, infrared = walkers(every(30)), walkers(every(30), inverted=True)
    middle = [cv2.resize(frame[15:45, 20:60], (80, 60)) for frame in infrared.frames]
    narrow = Track(infrared.stamps + 0.2, np.asarray(middle, np.uint8))
    back = Registration((0.5, 0, 19.75, 0, 0.5, 14.75, 0, 0, 1), (80, 60), (80, 60))
    assert find_offset(visible, narrow.registered(back)).offset == pytest.approx(0.2, abs=0.005)


def test_a_drift_is_told() -> None:
    visible, infrared = walkers(every(30, 60.0)), walkers(every(30, 60.0), inverted=True)
    found = find_offset(visible, infrared._replace(stamps=infrared.stamps * 1.001))
    assert found.drift == pytest.approx(0.06, abs=0.01)
    assert replace(found, drift=0.0).offset == pytest.approx(0.03, abs=0.01)


@pytest.mark.filterwarnings("error")
def test_a_recording_with_a_gap_gives_an_offset_without_warnings() -> None:
    times = np.concatenate([every(10, 8.0), every(10, 8.0, first=60.0)])
    visible, infrared = walkers(times), walkers(times, inverted=True)
    found = find_offset(visible, infrared._replace(stamps=times + 0.2))
    assert found.offset == pytest.approx(0.2, abs=0.005)


def test_a_clock_that_was_set_in_between_is_refused() -> None:
    visible, infrared = walkers(every(15, 40.0)), walkers(every(15, 40.0), inverted=True)
    stamps = infrared.stamps + 0.3 * (infrared.stamps > 28)
    with pytest.raises(ClockError, match=r"in a part of the recording by 300 ms"):
        find_offset(visible, infrared._replace(stamps=stamps))


@pytest.mark.parametrize("rate", [9.0, 60.0, 120.0])
@pytest.mark.parametrize("count", [12, 13, 20])
def test_recordings_of_a_moment_are_refused(rate: float, count: int, rng: np.random.Generator) -> None:
    track = Track(np.arange(count) / rate, rng.integers(0, 255, (count, 60, 80), np.uint8))
    with pytest.raises(ClockError):
        find_offset(track, track)


def test_pictures_without_common_motion_are_refused() -> None:
    times = every(30)
    still = Track(times, np.random.default_rng(2).normal(100, 3, (len(times), 60, 80)).astype(np.uint8))
    with pytest.raises(ClockError, match="nothing moves that both cameras see"):
        find_offset(walkers(times), still)
    with pytest.raises(ClockError, match="too few frames"):
        find_offset(Track(times[:3], still.frames[:3]), still)
