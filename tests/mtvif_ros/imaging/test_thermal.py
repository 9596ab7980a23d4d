import numpy as np
import pytest

from mtvif_ros.imaging.thermal import ThermalScaler, temperatures


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


PERSON = np.s_[28:36, 28:36]


def scene(base: float, span: float, dtype: type = np.uint16) -> np.ndarray:  # type: ignore[type-arg]
    """A ramp with a person in its middle, warmer than all of it."""
    picture = np.linspace(base, base + span, 64 * 64).reshape(64, 64)
    picture[PERSON] = base + 1.5 * span
    return picture.astype(dtype)


def contrast(grey: np.ndarray) -> float:  # type: ignore[type-arg]
    """How far the person stands out of the ramp around it, in grey levels."""
    return float(grey[PERSON].mean() - np.delete(grey, np.s_[28:36], axis=0).mean())


@pytest.mark.parametrize(
    ("jump", "frames"),
    [
        ((20_000, 2000), 1),  # the camera switches its gain
        ((3_000, 2000), 1),
        ((7_000, 30_000), 30),  # into a wider scene it goes smoothly
        ((7_500, 200), 5),
    ],
)
def test_a_person_is_seen_again_at_once_after_a_jump_of_the_range(jump: tuple[int, int], frames: int) -> None:
    scale = ThermalScaler()
    expected = contrast(scale(scene(7000, 2000)))
    for _ in range(frames):
        grey = scale(scene(*jump))
    assert contrast(grey) > 0.7 * expected


@pytest.mark.parametrize("value", [0, 7500, 65535])
def test_frames_of_one_value_do_not_blind_the_next(value: int) -> None:
    scale = ThermalScaler()
    before = scale(scene(7000, 2000))
    for _ in range(20):
        scale(np.full((64, 64), value, np.uint16))
    np.testing.assert_array_equal(scale(scene(7000, 2000)), before)
    assert scale.restarts == 0


def test_a_shutter_with_noise_leaves_the_range_alone_unless_it_stays(rng: np.random.Generator) -> None:
    scaler, scene = ThermalScaler(), rng.integers(7000, 9000, (60, 80)).astype(np.uint16)
    before = scaler(scene)
    shut = (12_000 + rng.integers(0, 20, (60, 80))).astype(np.uint16)
    assert np.ptp(np.stack([scaler(shut) for _ in range(60)])) == 0
    np.testing.assert_array_equal(scaler(scene), before)
    for _ in range(300):
        last = scaler(shut)
    assert np.ptp(last) == 255


def test_restarts_are_counted() -> None:
    scale = ThermalScaler()
    for base in (7000, 7100, 20_000, 20_100, 7000):
        scale(scene(base, 2000))
    assert scale.restarts == 2


def test_a_small_hot_thing_that_comes_and_goes_is_no_reason_to_begin_anew() -> None:
    scale = ThermalScaler()
    for number in range(40):
        given = scene(7000, 2000)
        given[:2] = 40_000 if number % 3 else 7000
        scale(given)
    assert scale.restarts == 0


def test_a_frame_outside_a_fixed_range_is_told() -> None:
    scale = ThermalScaler(fixed=(0, 51), gain=0.01, offset=-273.15)
    misses = []
    for base in (27_500, 3_000, 27_500):
        scale(scene(base, 1000))
        misses.append(scale.misses)
    assert misses == [False, True, False]


def test_a_camera_that_now_sends_eight_bits_misses_no_range() -> None:
    scale = ThermalScaler(fixed=(0.0, 100.0))
    scale(frame(7000, 9000))
    assert scale.misses
    scale(np.zeros((8, 8), np.uint8))
    assert not scale.misses


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
@pytest.mark.parametrize(("base", "span"), [(-20, 60), (-2000, 3000)])
def test_signed_and_float_frames_are_scaled_like_others(dtype: type, base: float, span: float) -> None:
    grey = ThermalScaler()(scene(base, span, dtype))
    expected = ThermalScaler()(scene(10_000, 20_000))
    assert np.abs(grey.astype(int) - expected).max() < 8


def test_floats_between_zero_and_one_fill_the_range() -> None:
    expected = ThermalScaler()(scene(0, 40_000))
    np.testing.assert_allclose(ThermalScaler()(scene(0, 0.5, np.float32)), expected, atol=2)


def test_values_that_are_no_numbers_are_black_and_do_not_count() -> None:
    given = scene(20, 5, np.float32)
    expected = ThermalScaler()(given)
    given[0, :4] = np.nan
    given[0, 4:8] = np.inf
    grey = ThermalScaler()(given)
    assert not grey[0, :4].any() and (grey[0, 4:8] == 255).all()
    assert np.abs(grey[1:].astype(int) - expected[1:]).max() <= 1
    assert not ThermalScaler()(np.full((8, 8), np.nan, np.float32)).any()
    inverted = ThermalScaler(invert=True)(given)
    assert not inverted[0, :8].any() and (inverted[1:] == 255 - grey[1:]).all()


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.float32])
def test_raw_counts_become_temperatures(dtype: type) -> None:
    celsius = temperatures(np.array([[29_315, 30_965]], dtype), 0.01, -273.15)
    assert celsius is not None and celsius.dtype == np.float32
    np.testing.assert_allclose(celsius, [[20.0, 36.5]], atol=0.01)


def test_floats_are_temperatures_already_and_unknown_ones_stay_so() -> None:
    celsius = temperatures(np.array([[20.5, np.nan, np.inf]]), 1.0, 0.0)
    np.testing.assert_array_equal(celsius, [[20.5, np.nan, np.nan]])


@pytest.mark.parametrize(("dtype", "gain"), [(np.uint8, 0.01), (np.uint16, 1.0)])
def test_what_no_gain_explains_is_no_temperature(dtype: type, gain: float) -> None:
    assert temperatures(np.zeros((2, 2), dtype), gain, 0.0) is None
