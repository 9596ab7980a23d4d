"""Name every topic once, as it is before remapping and relative to the node's namespace."""

from __future__ import annotations

RGB = "rgb/image_raw"
IR = "ir/image_raw"
LABELS = "labels/image_raw"

FUSED = "mtvif/fused"
SEGMENTATION = "mtvif/segmentation"
OVERLAY = "mtvif/overlay"
CAMERA_INFO = "mtvif/camera_info"
LABEL_INFO = "mtvif/label_info"

DIAGNOSTICS = "/diagnostics"
CLOCK = "/clock"


def compressed(topic: str) -> str:
    """Return where image_transport puts the compressed form of `topic`."""
    return f"{topic}/compressed"


def camera_info(topic: str) -> str:
    """Return where a camera that sends images on `topic` describes itself: beside it, as ROS does."""
    beside, slash, _ = topic.rpartition("/")
    return f"{beside}{slash}camera_info"


def absolute(topic: str, namespace: str = "/") -> str:
    """Return the full name of `topic` in `namespace`; a name that begins with a slash is full already."""
    return topic if topic.startswith("/") else f"{namespace.rstrip('/')}/{topic}"
