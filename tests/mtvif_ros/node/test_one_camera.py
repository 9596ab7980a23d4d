"""The node goes on with one camera while the other is lost, and with nothing while nobody listens."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from mtvif_ros import topics
from mtvif_ros.imaging.codec import read_grey, read_rgb, write_image
from mtvif_ros.node import runtime
from mtvif_ros.node.fusion_node import FusionNode
from mtvif_ros.synthetic import Frame
from tests.mtvif_ros.node.cameras import Cameras

Running = Callable[..., AbstractContextManager[FusionNode]]

VISIBLE, INFRARED = 0, 1
QUICK = {"fallback.after": 0.1}


class Watcher:
    """Send frames in turn and look at what the node answers."""

    def __init__(self, cameras: Cameras, frame: Frame) -> None:
        self.cameras, self.frame = cameras, frame
        self.states: list[DiagnosticStatus] = []
        latched = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        cameras.node.create_subscription(DiagnosticStatus, topics.STATUS, self.states.append, latched)

    def send(
        self, *which: int, blank: int | None = None, unreadable: int | None = None, ahead: int = 0
    ) -> int:
        """Publish a frame of the given cameras and return the stamp.

        `blank` shows nothing, `unreadable` has an encoding that nobody knows; infrared is so many s `ahead`.
        """
        stamp = self.cameras.next_stamp()
        pictures = {VISIBLE: (self.frame.rgb, "rgb8"), INFRARED: (self.frame.ir, "mono8")}
        for camera in which:
            pixels, encoding = pictures[camera]
            shown = np.zeros_like(pixels) if camera == blank else pixels ^ np.uint8(stamp % 2)
            header = Header(frame_id=f"{encoding}_camera")
            message = write_image(shown, encoding, header)
            if camera == unreadable:
                message.encoding = "hsv8"
            self.cameras.publish(camera, message, stamp + ahead * (camera == INFRARED))
        self.cameras.spin_until(lambda: False, 0.02)
        return stamp

    def until(self, condition: Callable[[], object], *which: int, **spoilt: int) -> bool:
        """Go on sending until a condition holds."""

        def step() -> bool:
            self.send(*which, **spoilt)
            return bool(condition())

        return self.cameras.spin_until(step)

    def rests_on(self) -> str | None:
        """Return what the newest state says that answers rest on."""
        return self.values().get("rests_on")

    def values(self) -> Mapping[str, str]:
        return {pair.key: pair.value for pair in self.states[-1].values} if self.states else {}

    def is_reported(self, words: str) -> bool:
        """Say whether any report so far contains these words."""
        return any(words in report.status[0].message for report in self.cameras.diagnostics)

    def last_answer(self) -> tuple[Image, Image]:
        """Return the newest fused image and its mask, which may come later."""
        fused, masks = self.cameras.fused[-1], self.cameras.masks
        assert self.cameras.spin_until(lambda: any(mask.header == fused.header for mask in masks))
        return fused, next(mask for mask in masks if mask.header == fused.header)


@pytest.fixture
def watch(cameras: Cameras, small_frame: Frame, running: Running) -> "Watch":
    @contextmanager
    def run(**parameters: object) -> Iterator[Watcher]:
        with running({**QUICK, **parameters}):
            yield Watcher(cameras, small_frame)

    return run


Watch = Callable[..., AbstractContextManager[Watcher]]


def test_the_visible_camera_goes_on_alone_and_the_other_returns(watch: Watch) -> None:
    with watch() as watcher:
        assert watcher.until(lambda: watcher.cameras.fused, VISIBLE)
        fused, mask = watcher.last_answer()
        stamp = fused.header.stamp.sec
        np.testing.assert_array_equal(read_rgb(fused), watcher.frame.rgb ^ np.uint8(stamp % 2))
        assert (mask.height, mask.width, mask.header) == (fused.height, fused.width, fused.header)
        assert watcher.until(lambda: watcher.rests_on() == "rgb", VISIBLE)
        assert (watcher.states[-1].level, watcher.states[-1].message) == (DiagnosticStatus.WARN, "rgb alone")
        assert watcher.values()["ir"] == "silent"
        told = "/rgb/image_raw alone: no frames from /ir/image_raw"
        assert watcher.until(lambda: watcher.is_reported(told), VISIBLE)
        values = watcher.cameras.diagnosis()[1]
        assert int(values["alone.answered"]) == int(values["answers.rgb_only"]) > 0
        watcher.cameras.ask(watcher.frame)
        assert watcher.until(lambda: watcher.rests_on() == "rgb+ir", VISIBLE, INFRARED)


def test_infrared_alone_comes_in_the_visible_cameras_place(watch: Watch) -> None:
    with watch(**{"sync.offset": 0.25, "sync.slop": 0.5}) as watcher:
        assert watcher.until(lambda: watcher.cameras.fused, INFRARED)
        fused, _ = watcher.last_answer()
        grey = read_rgb(fused)
        assert (grey[..., 0] == grey[..., 2]).all()
        assert (fused.header.frame_id, fused.header.stamp.nanosec) == ("rgb8_camera", 750_000_000)
        assert watcher.until(lambda: watcher.rests_on() == "ir", INFRARED)


@pytest.mark.parametrize(("by", "stamp"), [("arrival", 7), ("stamp", 0)])
def test_infrared_alone_without_a_clock_that_compares_goes_on_with_the_visible_stamps(
    by: str, stamp: int, watch: Watch
) -> None:
    with watch(**{"sync.by": by, "sync.slop": 5.0}) as watcher:
        cameras, before = watcher.cameras, watcher.cameras.next_stamp() - 1

        def is_alone() -> bool:
            picture = watcher.frame.ir ^ np.uint8(len(cameras.fused) % 2)
            cameras.publish(INFRARED, write_image(picture, "mono8", Header(frame_id="own")), stamp)
            cameras.spin_until(lambda: False, 0.02)
            return watcher.rests_on() == "ir" and bool(cameras.fused)

        assert cameras.spin_until(is_alone)
        header = cameras.fused[-1].header
        assert (header.stamp.sec >= before, header.frame_id) == (True, "rgb8_camera")


@pytest.mark.parametrize(("blank", "rests_on"), [(VISIBLE, "ir"), (INFRARED, "rgb")])
def test_a_blank_picture_is_left_out_at_once(blank: int, rests_on: str, watch: Watch) -> None:
    with watch() as watcher:
        stamp = watcher.send(VISIBLE, INFRARED, blank=blank)
        answers = watcher.cameras.fused
        assert watcher.cameras.spin_until(lambda: answers and answers[-1].header.stamp.sec == stamp)
        seen = read_rgb(answers[-1])
        other = watcher.frame.rgb if blank == INFRARED else np.repeat(watcher.frame.ir[..., None], 3, 2)
        np.testing.assert_array_equal(seen, other ^ np.uint8(stamp % 2))
        assert watcher.until(lambda: watcher.rests_on() == rests_on, VISIBLE, INFRARED, blank=blank)
        assert watcher.values()[("rgb", "ir")[blank]] == "uniform"
        assert int(watcher.cameras.diagnosis()[1][f"answers.{rests_on}_only"]) > 0
        assert watcher.until(lambda: watcher.rests_on() == "rgb+ir", VISIBLE, INFRARED)


@pytest.mark.parametrize(("unreadable", "rests_on"), [(VISIBLE, "ir"), (INFRARED, "rgb")])
def test_the_node_goes_on_without_a_camera_that_cannot_be_read(
    unreadable: int, rests_on: str, watch: Watch
) -> None:
    with watch() as watcher:
        answers = watcher.cameras.fused
        lost = ("rgb", "ir")[unreadable]
        spoilt = {"unreadable": unreadable}
        assert watcher.until(lambda: watcher.rests_on() == rests_on and answers, VISIBLE, INFRARED, **spoilt)
        assert watcher.values()[lost] == "unreadable"
        told = f"frames that cannot be read from /{lost}/image_raw: encoding 'hsv8' is not supported"
        assert watcher.until(lambda: watcher.is_reported(told), VISIBLE, INFRARED, **spoilt)
        assert watcher.until(lambda: watcher.rests_on() == "rgb+ir", VISIBLE, INFRARED)


def test_a_camera_that_cannot_be_read_is_awaited_where_the_mode_needs_it(watch: Watch) -> None:
    with watch(**{"fallback.mode": "none"}) as watcher:
        spoilt = {"unreadable": INFRARED}
        assert watcher.until(lambda: watcher.values().get("ir") == "unreadable", VISIBLE, INFRARED, **spoilt)
        state = watcher.states[-1]
        assert (state.level, state.message) == (DiagnosticStatus.STALE, "waiting for ir")
        assert watcher.rests_on() == ""


def test_the_state_says_so_when_no_answers_come_although_both_cameras_send(watch: Watch) -> None:
    with watch() as watcher:
        assert watcher.until(lambda: watcher.rests_on() == "rgb+ir", VISIBLE, INFRARED)
        assert watcher.until(lambda: watcher.rests_on() == "", VISIBLE, INFRARED, ahead=3600)
        state = watcher.states[-1]
        told = "no answers come: /diagnostics says why"
        assert (state.level, state.message) == (DiagnosticStatus.STALE, told)
        assert watcher.values() == {"rests_on": "", "rgb": "idle", "ir": "idle"}
        assert watcher.until(lambda: watcher.rests_on() == "rgb+ir", VISIBLE, INFRARED)


def test_two_cameras_that_show_nothing_get_no_answer(watch: Watch, small_frame: Frame) -> None:
    dark = small_frame._replace(rgb=np.zeros_like(small_frame.rgb), ir=np.zeros_like(small_frame.ir))
    with watch() as watcher:
        watcher.frame = dark
        failed = "no camera shows anything: /rgb/image_raw is uniform, /ir/image_raw is uniform"
        assert watcher.until(lambda: watcher.is_reported(failed), VISIBLE, INFRARED)
        assert not watcher.cameras.fused
        assert watcher.rests_on() == ""


@pytest.mark.parametrize(
    ("mode", "camera"), [("none", VISIBLE), ("infrared", VISIBLE), ("visible", INFRARED)]
)
def test_a_mode_that_forbids_it_lets_frames_wait(mode: str, camera: int, watch: Watch) -> None:
    with watch(**{"fallback.mode": mode}) as watcher:
        name = ("rgb", "ir")[camera]
        assert watcher.until(lambda: int(watcher.cameras.diagnosis()[1][f"{name}.unpaired"]) > 2, camera)
        assert not watcher.cameras.fused
        assert watcher.until(lambda: watcher.is_reported("no frames from"), camera)
        other = ("ir", "rgb")[camera]
        assert watcher.until(lambda: watcher.values().get(other) == "silent", camera)
        assert (watcher.rests_on(), watcher.values()[name]) == ("", "idle")
        state = watcher.states[-1]
        assert (state.level, state.message) == (DiagnosticStatus.STALE, f"waiting for {other}")


def test_the_first_camera_need_not_wait_for_one_that_never_comes(
    cameras: Cameras, small_frame: Frame, toy_model: object, running: Running
) -> None:
    with running(QUICK) as node:
        node.trigger_deactivate()
        node.trigger_cleanup()
        node.trigger_configure()
        node.trigger_activate()
        watcher = Watcher(cameras, small_frame)
        assert watcher.until(lambda: cameras.fused, INFRARED)
        assert cameras.fused[-1].header.frame_id == "mono8_camera"


def test_a_node_without_listeners_is_idle_and_comes_back(
    cameras: Cameras, small_frame: Frame, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "_LINGER", 200_000_000)
    with running() as node:
        watcher = Watcher(cameras, small_frame)
        subscriptions = [
            one
            for one in list(cameras.node.subscriptions)
            if one.topic_name.endswith((topics.FUSED, topics.SEGMENTATION))
        ]
        for one in subscriptions:
            cameras.node.destroy_subscription(one)
        assert watcher.until(lambda: watcher.values().get("rgb") == "idle", VISIBLE, INFRARED)
        assert cameras.spin_until(lambda: cameras.publishers[0].get_subscription_count() == 0)
        status, values = cameras.diagnosis()
        assert (status.level, status.message) == (b"\x00", "idle: nobody listens")
        answered = int(values["pairs.answered"])
        assert int(values["pairs.skipped"]) >= 0
        cameras.node.create_subscription(Image, topics.FUSED, cameras.fused.append, 10)
        assert watcher.until(lambda: cameras.fused, VISIBLE, INFRARED)
        assert int(cameras.diagnosis()[1]["pairs.answered"]) > answered
        assert node.release().count("published")


def test_a_node_that_is_not_lazy_answers_without_listeners(
    cameras: Cameras, small_frame: Frame, running: Running
) -> None:
    def answered() -> int:
        return int(cameras.diagnosis()[1]["pairs.answered"])

    with running({"lazy": False}) as node:
        watcher = Watcher(cameras, small_frame)
        for one in list(cameras.node.subscriptions):
            if one.topic_name.endswith((topics.FUSED, topics.SEGMENTATION)):
                cameras.node.destroy_subscription(one)
        assert cameras.spin_until(lambda: not node.count_subscribers(f"/{topics.FUSED}"))
        before = answered()
        assert watcher.until(lambda: answered() > before + 5, VISIBLE, INFRARED)


def test_answers_of_an_inactive_node_rest_on_no_camera(
    cameras: Cameras, small_frame: Frame, running: Running
) -> None:
    with running() as node:
        watcher = Watcher(cameras, small_frame)
        assert watcher.until(lambda: watcher.rests_on() == "rgb+ir", VISIBLE, INFRARED)
        node.trigger_deactivate()
        assert cameras.spin_until(lambda: watcher.rests_on() == "")
        assert watcher.values()["rgb"] == "idle"
        node.trigger_activate()
        assert watcher.until(lambda: watcher.rests_on() == "rgb+ir", VISIBLE, INFRARED)


def test_the_largest_rate_skips_pairs_and_counts_them(watch: Watch) -> None:
    with watch(**{"rate.maximum": 2.0}) as watcher:
        for _ in range(20):
            watcher.send(VISIBLE, INFRARED)
        values = watcher.cameras.diagnosis()[1]
        assert int(values["pairs.skipped"]) > 0
        assert watcher.cameras.set_parameter("rate.maximum", 0.0) == ""
        skipped = int(watcher.cameras.diagnosis()[1]["pairs.skipped"])
        watcher.cameras.ask(watcher.frame)
        assert int(watcher.cameras.diagnosis()[1]["pairs.skipped"]) == skipped


def test_sixteen_bits_of_a_shutter_leave_the_range_alone(watch: Watch) -> None:
    with watch() as watcher:
        frame, asked = watcher.frame, itertools.count()

        def ask(ir: Any) -> tuple[Image, Image]:
            # A visible picture that repeats itself while infrared changes would be left out, too.
            return watcher.cameras.ask(frame._replace(rgb=frame.rgb ^ np.uint8(next(asked) % 2), ir=ir))

        cold, warm = np.uint16(8000), np.uint16(16)
        wide: Any = frame.ir.astype(np.uint16) * warm + cold
        ask(wide)
        before = ask(wide)
        shut: Any = np.random.default_rng(0).integers(9000, 9003, wide.shape).astype(np.uint16)
        for _ in range(10):
            ask(shut)
        assert watcher.cameras.spin_until(lambda: watcher.values().get("ir") == "uniform")
        after = ask(wide)
        np.testing.assert_array_equal(read_grey(after[1]), read_grey(before[1]))
