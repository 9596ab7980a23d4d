"""Name every topic once, before remapping and relative to the node's namespace."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rclpy.node import Node

RGB = "rgb/image_raw"
IR = "ir/image_raw"
LABELS = "labels/image_raw"

FUSED = "mtvif/fused"
SEGMENTATION = "mtvif/segmentation"
CONFIDENCE = "mtvif/confidence"
DETECTIONS = "mtvif/detections"
THERMAL = "mtvif/thermal"
OVERLAY = "mtvif/overlay"
CAMERA_INFO = "mtvif/camera_info"
LABEL_INFO = "mtvif/label_info"
STATUS = "mtvif/status"

DIAGNOSTICS = "/diagnostics"
CLOCK = "/clock"


def compressed(topic: str) -> str:
    """Return the topic on which image_transport sends the compressed form of `topic`."""
    return f"{topic}/compressed"


def camera_info(topic: str) -> str:
    """Return the camera_info topic of a camera that sends images on `topic`: the one beside it."""
    beside, slash, _ = topic.rpartition("/")
    return f"{beside}{slash}camera_info"


def absolute(topic: str, namespace: str = "/") -> str:
    """Return the full name of `topic` in `namespace`; a leading slash makes a name full already."""
    return topic if topic.startswith("/") else f"{namespace.rstrip('/')}/{topic}"


def companion(node: Node, topic: str, name: Callable[[str], str]) -> str:
    """Return what `node` calls the companion of `topic`, such as its compressed form, before remapping.

    `name` is `compressed` or `camera_info`. As with image_transport a companion follows its topic when that
    is remapped; a remapping of the companion's own name comes first.
    """
    own = name(topic)
    if node.resolve_topic_name(own) != node.resolve_topic_name(own, only_expand=True):
        return own
    return name(node.resolve_topic_name(topic))
