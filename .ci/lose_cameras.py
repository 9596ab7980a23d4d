"""Stop, hang, cover and shutter cameras at random, over real DDS, and check what the node makes of it.

    ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST python .ci/lose_cameras.py --minutes 10

While one camera lives there is an answer at all times, `mtvif/status` is true within a second, and at the end
every frame is accounted for and the node's memory is what it was after the first half minute.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image
from std_msgs.msg import Header

sys.path.insert(0, str(Path(__file__).parent.parent))

from mtvif_ros import topics
from mtvif_ros.image import Image as Pixels
from mtvif_ros.imaging.codec import write_image
from mtvif_ros.pairing.stamps import NANOSECONDS
from mtvif_ros.replay.collector import ros_node
from mtvif_ros.replay.node_process import NodeProcess
from mtvif_ros.synthetic import RoadScene, SceneConfig

RATE = 15.0  # Hz
NAMES = ("rgb", "ir")
STATES = ("sees", "sees", "sees", "stopped", "hung", "black", "white", "shutter")
LONGEST_GAP = 1.0  # s between two answers while a camera lives
SETTLED = 1.0  # s after a change, by which the state is true
MORE_MEMORY = 20.0  # MB


@dataclass
class Seen:
    """Hold what the node has sent."""

    answers: list[float] = field(default_factory=list)
    rests_on: str = ""
    values: dict[str, str] = field(default_factory=dict)

    def answered(self, message: Image) -> None:
        """Note an answer."""
        self.answers.append(time.monotonic())

    def told(self, message: DiagnosticStatus) -> None:
        """Note what the answers rest on."""
        self.rests_on = {pair.key: pair.value for pair in message.values}["rests_on"]

    def diagnosed(self, message: DiagnosticArray) -> None:
        """Note the counts."""
        self.values = {pair.key: pair.value for pair in message.status[0].values}


class Camera:
    """Publish frames in one state or another."""

    def __init__(self, node: Node, name: str, topic: str, frames: list[Pixels], encoding: str):
        self.name, self._frames, self._encoding = name, frames, encoding
        self._publisher = node.create_publisher(Image, topic, 10)
        self.state, self.sent, self.has_hung = "sees", 0, False
        self._rng = np.random.default_rng(len(name))

    def is_heard(self) -> bool:
        """Say whether the node has subscribed."""
        return bool(self._publisher.get_subscription_count())

    def send(self, number: int, stamp: int) -> None:
        """Publish a frame under a stamp in ns, if the camera sends any."""
        if self.state == "stopped":
            return
        frame = self._frames[0 if self.state == "hung" else number % len(self._frames)]
        if self.state in ("black", "white"):
            frame = np.full_like(frame, 255 * (self.state == "white"))
        elif self.state == "shutter":
            frame = self._rng.integers(99, 102, frame.shape).astype(np.uint8)
        message = write_image(frame, self._encoding, Header(frame_id=self.name))
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp, NANOSECONDS)
        self._publisher.publish(message)
        self.sent += 1


def expected(cameras: list[Camera]) -> set[str]:
    """Return what the answers may rest on."""
    live = [camera.name for camera in cameras if camera.state == "sees"]
    hung = [camera for camera in cameras if camera.state == "hung"]
    if not hung:
        return {"+".join(live)}
    # A camera that has hung before is given more time, and two that hang look like a scene that stands still.
    sure = len(hung) == 1 and live and not hung[0].has_hung
    return {"+".join(live)} if sure else {"", "rgb", "ir", "rgb+ir"}


def run(node: Node, minutes: float, seed: int) -> list[str]:
    """Play with the cameras; return what was wrong."""
    rng, seen, problems = np.random.default_rng(seed), Seen(), list[str]()
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    node.create_subscription(Image, topics.FUSED, seen.answered, 10)
    node.create_subscription(DiagnosticStatus, topics.STATUS, seen.told, latched)
    node.create_subscription(DiagnosticArray, topics.DIAGNOSTICS, seen.diagnosed, 10)
    scene = RoadScene(SceneConfig(seed=seed, width=320, height=256))
    shown = [scene.frame(number) for number in range(20)]
    cameras = [
        Camera(node, "rgb", topics.RGB, [frame.rgb for frame in shown], "rgb8"),
        Camera(node, "ir", topics.IR, [frame.ir for frame in shown], "mono8"),
    ]
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    spin = partial(executor.spin_once, timeout_sec=0.002)
    while not all(camera.is_heard() for camera in cameras):
        spin()
    while not seen.answers:  # the node makes its engine
        number = round(time.time() * RATE)
        for camera in cameras:
            camera.send(number, time.time_ns())
        end = time.monotonic() + 1 / RATE
        while time.monotonic() < end:
            spin()
    rest(spin)  # frames that DDS has lost before all had met do not count
    before = dict(seen.values)
    for camera in cameras:
        camera.sent = 0
    begin = changed = time.monotonic()
    lasts, number, memory = 5.0, 0, 0.0
    while (now := time.monotonic()) - begin < 60 * minutes:
        if now - changed > lasts:
            changed, lasts = now, rng.uniform(3, 8)
            for camera in cameras:
                camera.has_hung |= camera.state == "hung"
                camera.state = str(rng.choice(STATES))
            print(
                f"{now - begin:6.1f} s  " + "  ".join(f"{one.name} {one.state}" for one in cameras),
                flush=True,
            )
        for camera in cameras:
            camera.send(number, time.time_ns())
        number += 1
        while time.monotonic() < begin + number / RATE:
            spin()
        if now - changed > SETTLED:
            may = expected(cameras)
            if seen.rests_on not in may:
                problems.append(
                    f"{now - begin:.1f} s: rests on {seen.rests_on!r}, expected one of {sorted(may)}"
                )
            if may != {""} and "" not in may and now - seen.answers[-1] > LONGEST_GAP:
                problems.append(f"{now - begin:.1f} s: no answer for {now - seen.answers[-1]:.1f} s")
        if not memory and now - begin > 30:
            memory = float(seen.values["process.memory_mb"])
    rest(spin)
    grown = float(seen.values["process.memory_mb"]) - memory
    return (
        problems
        + account(before, seen.values, cameras)
        + ([f"memory grew by {grown:.0f} MB"] if grown > MORE_MEMORY else [])
    )


def rest(spin: Callable[[], None]) -> None:
    """Send nothing for 3 s, in which all that was sent ends and is reported."""
    end = time.monotonic() + 3
    while time.monotonic() < end:
        spin()


def account(before: dict[str, str], after: dict[str, str], cameras: list[Camera]) -> list[str]:
    """Return which frames and pairs have no end."""
    values = {key: int(after[key]) - int(before[key]) for key in after if after[key].isdigit()}
    ends = ("paired", "alone", "unpaired", "late", "duplicate", "overflowed")
    problems = []
    for camera in cameras:
        ended = sum(values[f"{camera.name}.{end}"] for end in ends)
        if ended != camera.sent:
            problems.append(f"{camera.name}: {camera.sent} frames sent, {ended} ended")
    made = values["rgb.paired"] + sum(values[f"{name}.alone"] for name in NAMES)
    done = sum(values[f"pairs.{end}"] for end in ("answered", "superseded", "failed", "skipped"))
    done += values["alone.answered"]
    told = ("pairs.answered", "alone.answered", "answers.rgb_only", "answers.ir_only", "pairs.failed")
    print("; ".join(f"{key} {values[key]}" for key in told), f"; memory {after['process.memory_mb']} MB")
    return problems + ([f"{made} pairs and frames taken, {done} ended"] if made != done else [])


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with TemporaryDirectory() as folder, ros_node("cameras") as node:
        process = NodeProcess({}, Path(folder) / "node.log")
        with process:
            problems = run(node, options.minutes, options.seed)
    print("\n".join(problems[:20]) or "nothing wrong")
    return len(problems) > 0


if __name__ == "__main__":
    sys.exit(main())
