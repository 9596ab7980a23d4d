"""Build a small node on the fusion node's answers: its parameters, masks with their classes, and its end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import rclpy
from rcl_interfaces.srv import GetParameters
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from mtvif_ros import topics
from mtvif_ros.classes import Colour
from mtvif_ros.image import Image as Pixels
from mtvif_ros.imaging.codec import read_grey
from mtvif_ros.node.dds import prepare_dds
from mtvif_ros.node.process import REFUSED
from mtvif_ros.pairing.stamps import NANOSECONDS, header_stamp
from mtvif_ros.pairing.synchronizer import Stream, Synchronizer

_APART = NANOSECONDS // 10  # between a mask and its confidence, at most: they are published together


class Answer(NamedTuple):
    """Hold a mask (H, W), its confidence (H, W), 255 = certain, and the names and colours of its values."""

    header: Header
    mask: Pixels
    confidence: Pixels
    names: tuple[str, ...]
    colours: tuple[Colour, ...]


class Answers:
    """Give `use` each mask of a fusion node together with its confidence, 255 where none is published.

    Names and colours come from that node's parameters, which need no vision_msgs; masks before them are
    dropped. They are asked for once: start anew after a change of the model.
    """

    def __init__(self, node: Node, fusion_node: str, use: Callable[[Answer], object]):
        self._node, self._use = node, use
        self._labels: tuple[tuple[str, ...], tuple[Colour, ...]] | None = None
        self._parameters = node.create_client(GetParameters, f"{fusion_node}/get_parameters")
        self._pairs = Synchronizer[Image](slop=1)  # the confidence has the mask's own stamp
        self._unstamped = Synchronizer[Image](slop=_APART)
        self._confidence = node.create_subscription(
            Image, topics.CONFIDENCE, partial(self._pair, Stream.IR), qos_profile_sensor_data
        )
        node.create_subscription(Image, topics.SEGMENTATION, self._take, qos_profile_sensor_data)

    def _take(self, mask: Image) -> None:
        if self._node.count_publishers(self._confidence.topic_name):
            self._pair(Stream.RGB, mask)
        else:
            self._give(mask, None)

    def _pair(self, stream: Stream, message: Image) -> None:
        now, stamp = time.monotonic_ns(), header_stamp(message)
        # A camera without stamps gives all answers the same one.
        pairs, by = (self._pairs, stamp) if stamp else (self._unstamped, now)
        for pair in pairs.add(stream, by, message, now):
            self._give(pair.rgb, pair.ir)

    def _give(self, mask: Image, confidence: Image | None) -> None:
        if self._labels is None:
            self._ask()
            return
        pixels = np.asarray(read_grey(mask), np.uint8)
        certain = (
            np.full_like(pixels, 255) if confidence is None else np.asarray(read_grey(confidence), np.uint8)
        )
        self._use(Answer(mask.header, pixels, certain, *self._labels))

    def _ask(self) -> None:
        if self._parameters.service_is_ready():
            request = GetParameters.Request(names=["classes", "palette"])
            self._parameters.call_async(request).add_done_callback(self._learn)
        else:
            service = self._node.resolve_service_name(self._parameters.srv_name)
            self._node.get_logger().warning(
                f"{service}: nobody answers; set fusion_node to that node's name", throttle_duration_sec=10.0
            )

    def _learn(self, answer: Any) -> None:
        values = answer.result().values
        if len(values) < 2:
            service = self._node.resolve_service_name(self._parameters.srv_name)
            self._node.get_logger().warning(
                f"{service}: that node has no classes; set fusion_node to the fusion node's name",
                throttle_duration_sec=10.0,
            )
            return
        names, palette = (tuple(value.string_array_value) for value in values)
        if names:  # a node that is not configured has none
            colours = (bytes.fromhex(colour.removeprefix("#")) for colour in palette)
            self._labels = names, tuple((red, green, blue) for red, green, blue in colours)


def declare(node: Node, defaults: Mapping[str, Any]) -> SimpleNamespace:
    """Declare parameters and return their values by name.

    Raises ValueError for floats that are not finite or not as many as in the default.
    """
    values = {name: node.declare_parameter(name, default).value for name, default in defaults.items()}
    for name, default in defaults.items():
        numbers = np.atleast_1d(default)
        if numbers.dtype != float:
            continue
        given = np.atleast_1d(values[name])
        if given.shape != numbers.shape or not np.isfinite(given).all():
            raise ValueError(f"{name}: {given.tolist()} is not {numbers.size} finite numbers")
    return SimpleNamespace(**values)


def run_node(name: str, make: Callable[[], Node]) -> int:
    """Run the node that `make` returns until a signal ends it.

    Return 1, after one line on stderr, when ROS refuses the command line, or the node its
    parameters (ValueError), at once or later.
    """
    prepare_dds()
    try:
        rclpy.init()
        rclpy.spin(make())
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except (*REFUSED, ValueError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    finally:
        rclpy.try_shutdown()
    return 0
