"""No test depends on how fast this machine is: limits are out of reach or a table gives the times."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtvif_ros.engines.fit import BUDGETS, fit, fitted_size, largest_budget, timed_size

VGA = 480 * 640


@pytest.mark.parametrize(
    ("camera", "budget", "size"),
    [
        ((480, 640), VGA, (480, 640)),
        ((480, 640), BUDGETS[-1], (480, 640)),
        ((512, 640), VGA, (512, 640)),
        ((512, 640), BUDGETS[-1], (512, 640)),
        ((720, 1280), VGA, (416, 736)),
        ((1080, 1920), VGA, (416, 736)),
        ((720, 1280), 10_000_000, (704, 1280)),
        ((1280, 720), VGA, (736, 416)),
        ((720, 1280), BUDGETS[0], (224, 384)),
        ((60, 80), VGA, (32, 64)),
        ((8, 8), VGA, (32, 32)),
    ],
)
def test_a_size_has_the_cameras_shape_and_the_budgets_pixels(
    camera: tuple[int, int], budget: int, size: tuple[int, int]
) -> None:
    assert fitted_size(camera, budget) == size


@given(st.tuples(st.integers(240, 2200), st.integers(240, 2200)), st.sampled_from(BUDGETS))
def test_a_size_is_never_larger_than_the_cameras_frames(camera: tuple[int, int], budget: int) -> None:
    size = fitted_size(camera, budget)
    assert all(0 < side <= most and side % 32 == 0 for side, most in zip(size, camera))


def test_before_the_camera_is_known_sizes_are_four_to_three() -> None:
    assert [timed_size(budget) for budget in BUDGETS] == [
        (256, 320),
        (288, 384),
        (320, 448),
        (384, 512),
        (416, 576),
        (480, 640),
        (576, 768),
        (736, 960),
    ]


@pytest.mark.parametrize(
    ("per_pixel", "fixed", "limit", "budget", "timed"),
    [
        (1.0, 0, 10 * VGA, BUDGETS[-1], 2),
        (1.0, 0, VGA, VGA, 1),
        (1.0, 0, 200_000, 196_608, 2),
        (1.0, 0, 10, BUDGETS[0], 2),
        (1.0, -60_000, 360_000, VGA, 2),  # a larger frame costs more than its share
    ],
)
def test_the_largest_budget_within_the_limit_is_found_with_few_timings(
    per_pixel: float, fixed: float, limit: float, budget: int, timed: int
) -> None:
    asked = set()

    def time_of(pixels: int) -> float:
        asked.add(pixels)
        return per_pixel * pixels + fixed

    assert largest_budget(time_of, limit) == budget
    assert len(asked) == timed


def times_in(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.glob("*.time")}


def test_a_file_is_timed_and_the_times_are_remembered(
    open_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTVIF_ENGINE_CACHE", str(tmp_path))
    found = fit(open_model, 1e6, "onnxruntime", threads=1)
    assert found.budget == BUDGETS[-1]
    assert {timed_size(BUDGETS[-1]), (480, 640)} == found.taken.keys()
    kept = times_in(tmp_path)
    assert len(kept) == 2
    assert fit(open_model, 1e6, "onnxruntime", threads=1) == found
    assert times_in(tmp_path) == kept


def test_a_size_that_missed_the_rate_is_timed_again_because_the_machine_may_have_been_busy(
    open_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTVIF_ENGINE_CACHE", str(tmp_path))
    found = fit(open_model, 0.0, "onnxruntime", threads=1)
    assert found.budget == BUDGETS[0]
    assert not times_in(tmp_path)
