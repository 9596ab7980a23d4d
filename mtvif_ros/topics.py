"""Name every topic once, before remapping and relative to the node's namespace."""

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
    """Return the topic on which image_transport sends the compressed form of `topic`."""
    return f"{topic}/compressed"


def camera_info(topic: str) -> str:
    """Return the camera_info topic of a camera that sends images on `topic`: the one beside it."""
    beside, slash, _ = topic.rpartition("/")
    return f"{beside}{slash}camera_info"


def absolute(topic: str, namespace: str = "/") -> str:
    """Return the full name of `topic` in `namespace`; a leading slash makes a name full already."""
    return topic if topic.startswith("/") else f"{namespace.rstrip('/')}/{topic}"
