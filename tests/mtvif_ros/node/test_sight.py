from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from mtvif_ros.image import Image
from mtvif_ros.node.fallback import Fallback
from mtvif_ros.node.parameters import Fallback as Settings
from mtvif_ros.node.sight import Loss, Sight, StillPicture, uniform
from mtvif_ros.pairing.synchronizer import Stream
from mtvif_ros.synthetic import Frame

MS = 1_000_000
AFTER = 500 * MS
RGB, IR = Stream.RGB, Stream.IR


def noise(number: int, mean: int = 120) -> Image:
    return np.clip(np.random.default_rng(number).normal(mean, 30, (60, 80)), 0, 255).astype(np.uint8)


def watched(seconds: float, rgb: Image | None = None, ir: Image | None = None) -> Sight:
    """A sight that saw both cameras at 30 Hz; a picture that is given comes again and again."""
    sight = Sight(0)
    for number in range(round(30 * seconds)):
        now = number * 1000 * MS // 30
        for stream, given in ((RGB, rgb), (IR, ir)):
            picture = noise(10 * number + stream) if given is None else given
            sight.received(stream, now)
            sight.seen(stream, picture, picture, now)
    return sight


def test_a_camera_is_silent_after_the_time_given() -> None:
    sight = watched(1)
    assert sight.loss(IR, 1400 * MS, AFTER) is None
    assert sight.loss(IR, 1500 * MS, AFTER) == "silent"
    sight.received(IR, 1500 * MS)
    assert sight.loss(IR, 1501 * MS, AFTER) is None


def test_a_camera_that_never_spoke_is_silent_from_the_same_time_on() -> None:
    sight = Sight(7000 * MS)
    assert not sight.silent(RGB, 7400 * MS, AFTER)
    assert sight.silent(RGB, 7600 * MS, AFTER)
    sight.begin(9000 * MS)
    assert not sight.silent(RGB, 9400 * MS, AFTER)


def test_time_without_listening_is_no_time_of_one_picture() -> None:
    still = noise(0)
    sight = watched(1, ir=still)
    sight.begin(60_000 * MS)
    for number in range(3):
        now = (60_000 + 33 * number) * MS
        for stream, picture in ((RGB, noise(number)), (IR, still)):
            sight.received(stream, now)
            sight.seen(stream, picture, picture, now)
    assert sight.blind(IR, AFTER) is None
    assert sight.still_for(IR) == 66 * MS


def test_a_camera_is_not_lost_because_it_comes_back_a_moment_after_the_other() -> None:
    sight = watched(1)
    sight.received(RGB, 9000 * MS)
    assert sight.loss(IR, 9010 * MS, AFTER) is None
    assert sight.silent(IR, 9010 * MS, AFTER)
    sight.received(RGB, 9033 * MS)
    assert sight.loss(IR, 9600 * MS, AFTER) == "silent"


def test_a_camera_that_sends_in_bursts_does_not_hide_that_the_other_is_silent() -> None:
    sight, now = watched(1), 1000 * MS
    fallback = Fallback(sight, Settings())
    alone = []
    for _ in range(5):
        for _ in range(5):
            sight.received(RGB, now)
            alone.append(fallback.goes_alone(RGB, now))
            now += 33 * MS
        now += 300 * MS
    assert alone == 10 * [False] + 15 * [True]


def test_a_slow_camera_is_not_silent_between_two_frames() -> None:
    sight = Sight(0)
    for second in range(5):
        sight.received(IR, second * 1000 * MS)
    assert not sight.silent(IR, 6900 * MS, AFTER)
    assert sight.silent(IR, 7100 * MS, AFTER)


def test_a_camera_that_slows_down_does_not_hold_the_other_back() -> None:
    sight = watched(1)
    fallback = Fallback(sight, Settings())
    alone = []
    for number in range(1, 600):
        now = (1000 + 100 * number) * MS
        sight.received(RGB, now)
        if number % 30 == 0:
            sight.received(IR, now)
        alone.append(fallback.goes_alone(RGB, now))
    assert alone[299:329] == 6 * [False] + 24 * [True]


@pytest.mark.parametrize(("after", "period"), [(0.1, 150), (0.1, 400), (0.5, 600), (0.5, 2000)])
def test_cameras_that_slow_down_together_are_paired(after: float, period: int) -> None:
    sight = watched(1)
    fallback = Fallback(sight, Settings(after=after))
    for number in range(1, 20):
        now = (1000 + number * period) * MS
        sight.received(RGB, now)
        assert not fallback.goes_alone(RGB, now)
        sight.received(IR, now + MS)
        assert not fallback.goes_alone(IR, now + MS)


@pytest.mark.parametrize("count", [5, 10])
def test_a_burst_of_frames_that_waited_is_no_new_rhythm_of_a_slow_camera(count: int) -> None:
    sight = Sight(0)
    for second in (*range(15), *(count * [15 + count]), *range(16 + count, 30)):
        sight.received(IR, second * 1000 * MS)
    assert not sight.silent(IR, 31_900 * MS, AFTER)


def test_a_camera_may_have_another_rhythm_when_the_node_listens_again() -> None:
    sight = watched(1)
    sight.begin(9000 * MS)
    for second in range(10, 30):
        sight.received(IR, second * 1000 * MS)
    assert not sight.silent(IR, 31_900 * MS, AFTER)
    sight.begin(40_000 * MS)
    assert not sight.silent(IR, 42_900 * MS, AFTER)


def test_a_camera_hangs_while_the_other_sees_changes() -> None:
    assert watched(0.4, ir=noise(1)).loss(IR, 400 * MS, AFTER) is None
    assert watched(1, ir=noise(1)).loss(IR, 1000 * MS, AFTER) == "still"
    assert watched(1, rgb=noise(2), ir=noise(1)).loss(IR, 1000 * MS, AFTER) is None


@pytest.mark.parametrize("seconds", [0, 1])
def test_a_camera_alone_may_look_at_a_still_scene(seconds: float) -> None:
    sight, scene = watched(seconds), noise(1)
    for now in range(1000 * MS, 3000 * MS, 33 * MS):
        sight.received(RGB, now)
        sight.seen(RGB, scene, scene, now)
    assert sight.loss(RGB, 3000 * MS, AFTER) is None
    assert sight.loss(IR, 3000 * MS, AFTER) == "silent"


def test_a_camera_that_hangs_is_not_trusted_when_the_other_falls_silent() -> None:
    sight = watched(1, ir=noise(1))
    for now in range(1000 * MS, 3000 * MS, 33 * MS):
        sight.seen(IR, noise(1), noise(1), now)
    assert sight.blind(IR, AFTER) == "still"


def test_a_camera_is_lost_when_nothing_of_it_can_be_read_for_the_time_given() -> None:
    sight = watched(1)
    for now in range(1000 * MS, 1501 * MS, 50 * MS):
        for stream in Stream:
            sight.received(stream, now)
        sight.unread(IR, "encoding 'hsv8' is not supported", now)
        assert sight.loss(IR, now, AFTER) is None
    sight.unread(IR, "encoding 'hsv8' is not supported", 1550 * MS)
    assert sight.loss(IR, 1550 * MS, AFTER) == sight.blind(IR, AFTER) == "unreadable"
    assert sight.why_unread(IR) == "encoding 'hsv8' is not supported"
    fallbacks = [Fallback(sight, Settings(mode=mode)) for mode in ("visible", "infrared")]
    assert [fallback.left_out(1550 * MS) for fallback in fallbacks] == [{IR: "unreadable"}, {}]
    assert [fallback.awaited(1550 * MS) for fallback in fallbacks] == [{}, {IR: "unreadable"}]
    sight.seen(IR, noise(0), noise(0), 1600 * MS)
    assert (sight.loss(IR, 1600 * MS, AFTER), sight.why_unread(IR)) == (None, "")


def test_time_in_which_nothing_can_be_read_is_no_time_of_one_picture() -> None:
    sight = watched(0)
    for now in range(0, 2000 * MS, 50 * MS):
        sight.seen(RGB, noise(now), noise(now), now)
        if 500 * MS < now < 1500 * MS:
            sight.unread(IR, "the image is empty", now)
        else:
            sight.seen(IR, noise(1), noise(1), now)
        assert sight.blind(IR, 700 * MS) in (None, "unreadable")


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_shutter_is_seen_in_its_first_frame(level: int) -> None:
    sight = watched(1)
    shut = np.full((60, 80), level, np.uint8)
    sight.seen(IR, shut, shut, 1000 * MS)
    assert sight.loss(IR, 1001 * MS, AFTER) == "uniform"
    sight.seen(IR, noise(5), noise(5), 1033 * MS)
    assert sight.loss(IR, 1034 * MS, AFTER) is None


def test_after_a_shutter_a_camera_that_hangs_is_told_as_soon_as_before() -> None:
    sight, shut = watched(1), np.zeros((60, 80), np.uint8)
    for second in range(1, 10):
        sight.seen(IR, shut, shut, second * 1000 * MS)
        sight.seen(RGB, noise(second), noise(second), second * 1000 * MS)
    for number in range(20):
        now = 10_000 * MS + number * 50 * MS
        sight.seen(IR, noise(1), noise(1), now)
        sight.seen(RGB, noise(number), noise(number), now)
    assert sight.blind(IR, AFTER) == "still"


def with_noise(picture: Image, sigma: float) -> Image:
    noisy = picture + np.random.default_rng(0).normal(0, sigma, picture.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("shape", [(480, 640), (480, 640, 3), (64, 80), (5, 7)])
@pytest.mark.parametrize("level", [2, 90])
def test_noise_does_not_hide_that_a_picture_is_empty(shape: tuple[int, ...], level: int) -> None:
    assert uniform(with_noise(np.full(shape, level, np.uint8), 1.0))


@pytest.mark.parametrize("colour", [(255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255)])
def test_a_small_light_in_the_dark_is_something_to_see(colour: tuple[int, int, int]) -> None:
    dark = np.zeros((480, 640, 3), np.uint8)
    dark[200:210, 300:310] = colour
    assert not uniform(with_noise(dark, 1.0))


@pytest.mark.parametrize("step", [1, 8])
def test_scenes_are_not_empty(step: int, night_frame: Frame) -> None:
    assert not uniform(night_frame.rgb[::step, ::step])
    assert not uniform(night_frame.ir[::step, ::step])


@pytest.mark.parametrize(
    ("mode", "lost", "left_out", "alone"),
    [
        ("any", IR, {IR: "silent"}, RGB),
        ("any", RGB, {RGB: "silent"}, IR),
        ("visible", IR, {IR: "silent"}, RGB),
        ("visible", RGB, {}, None),
        ("infrared", RGB, {RGB: "silent"}, IR),
        ("infrared", IR, {}, None),
        ("none", IR, {}, None),
    ],
)
def test_the_mode_says_which_camera_the_node_goes_on_without(
    mode: str, lost: Stream, left_out: dict[Stream, Loss], alone: Stream | None
) -> None:
    sight = watched(1)
    now = 2000 * MS
    for at in range(1000 * MS, now, 33 * MS):
        sight.received(RGB if lost is IR else IR, at)
    fallback = Fallback(sight, Settings(mode=mode, after=0.5))
    assert fallback.left_out(now) == left_out
    assert [stream for stream in Stream if fallback.goes_alone(stream, now)] == (
        [] if alone is None else [alone]
    )


def test_frames_at_hand_are_used_after_their_cameras_have_fallen_silent() -> None:
    fallback = Fallback(watched(1), Settings())
    assert fallback.left_out(9000 * MS) == {RGB: "silent", IR: "silent"}
    assert fallback.blind() == {}


def test_a_frame_with_a_partner_waits_for_it_even_when_the_other_camera_hangs() -> None:
    fallback = Fallback(watched(1, ir=noise(1)), Settings())
    assert fallback.left_out(1000 * MS) == {IR: "still"}
    assert not fallback.goes_alone(RGB, 1000 * MS)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(48, 64), (48, 64, 3)])
def test_a_picture_lasts_from_the_first_of_equal_ones(
    shape: tuple[int, ...], dtype: type, rng: np.random.Generator
) -> None:
    camera = StillPicture()
    one: npt.NDArray[Any] = rng.integers(0, 200, shape).astype(dtype)
    other = one + one.dtype.type(1)
    assert camera.duration == 0
    durations = []
    for now, picture in enumerate((one, one, one, other, other, one)):
        camera.see(picture, now)
        durations.append(camera.duration)
    assert durations == [0, 1, 2, 0, 1, 0]


def test_a_picture_that_is_a_view_is_read_as_it_is(rng: np.random.Generator) -> None:
    camera, picture = StillPicture(), rng.integers(0, 200, (48, 64, 3))
    camera.see(picture[..., ::-1], 0)
    camera.see(picture, 1)
    assert camera.duration == 0
