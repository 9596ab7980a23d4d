import numpy as np
import pytest

from mtvif_ros.imaging.thermal import ThermalScaler


def frame(low: int, high: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint16]]:
    return np.linspace(low, high, 64 * 64).reshape(64, 64).astype(np.uint16)


def test_eight_bits_pass_untouched_and_uncopied() -> None:
    ir = np.arange(64, dtype=np.uint8).reshape(8, 8)
    assert ThermalScaler()(ir) is ir


def test_the_first_frame_fills_the_range() -> None:
    grey = ThermalScaler(percentiles=(0, 100))(frame(7000, 9000))
    assert grey.dtype == np.uint8
    assert (grey.min(), grey.max()) == (0, 255)


def test_a_sudden_hot_thing_does_not_make_the_picture_pump() -> None:
    scale = ThermalScaler()
    before = scale(frame(7000, 9000))
    hot = frame(7000, 9000)
    hot[:16] = 30000
    after = scale(hot)
    jump = np.abs(after[16:].astype(int) - before[16:]).mean()
    pumped = np.abs(ThermalScaler()(hot)[16:].astype(int) - before[16:]).mean()
    assert jump < 0.6 * pumped


def test_a_slow_change_is_followed() -> None:
    scale = ThermalScaler(percentiles=(0, 100))
    scale(frame(7000, 9000))
    for _ in range(100):
        grey = scale(frame(8000, 12000))
    assert (grey.min(), grey.max()) == (0, 255)


def test_a_fixed_range_never_moves() -> None:
    scale = ThermalScaler(fixed=(1000, 3550))
    assert scale(np.array([[0, 1000, 2270, 9999]], np.uint16)).tolist() == [[0, 0, 127, 255]]


def test_a_fixed_range_may_be_in_degrees_celsius() -> None:
    scale = ThermalScaler(fixed=(0, 51), gain=0.01, offset=-273.15)
    assert scale(np.array([[27_315, 27_315 + 2_000, 40_000]], np.uint16)).tolist() == [[0, 100, 255]]


def test_inverted_makes_cold_bright() -> None:
    assert ThermalScaler(invert=True)(np.array([[0, 200]], np.uint8)).tolist() == [[255, 55]]


def test_a_frame_of_one_temperature_is_dark_not_an_error() -> None:
    assert not ThermalScaler()(np.full((8, 8), 7000, np.uint16)).any()


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"percentiles": (99, 1)}, "percentiles"),
        ({"follow": 0.0}, "follow"),
        ({"fixed": (5, 5)}, "range"),
        ({"gain": 0.0}, "gain"),
    ],
)
def test_impossible_values_are_refused(values: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        ThermalScaler(**values)  # type: ignore[arg-type]
