"""Tell subscribers which things the mask shows, as vision_msgs where that is installed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from std_msgs.msg import Header

from mtvif_ros.imaging.regions import Region


def message_type() -> type | None:
    """Return vision_msgs/Detection2DArray, or None where vision_msgs is not installed."""
    try:
        from vision_msgs.msg import Detection2DArray
    except ImportError:
        return None
    kind: type = Detection2DArray
    return kind


def detections_message(regions: Iterable[Region], names: Sequence[str], header: Header) -> Any:
    """Return a Detection2DArray of regions; `names` are the classes by mask value.

    A detection has one result, the class's name and its score, and a box whose centre and size are in px.
    Its `id` holds the temperatures, as temperatures_text does: no field of the message is made for them.
    """
    from vision_msgs.msg import Detection2D, Detection2DArray, ObjectHypothesisWithPose

    message = Detection2DArray(header=header)
    for region in regions:
        detection = Detection2D(header=header, id=temperatures_text(region))
        result = ObjectHypothesisWithPose()
        result.hypothesis.class_id = names[region.value]
        result.hypothesis.score = region.score
        detection.results.append(result)
        # The centre of a pixel has whole coordinates.
        detection.bbox.center.position.x = region.left + (region.width - 1) / 2
        detection.bbox.center.position.y = region.top + (region.height - 1) / 2
        detection.bbox.size_x, detection.bbox.size_y = float(region.width), float(region.height)
        message.detections.append(detection)
    return message


def temperatures_text(region: Region) -> str:
    """Return a region's warmest and median temperature in °C as JSON, nothing where they are unknown."""
    if region.warmest is None or region.median is None:
        return ""
    return json.dumps({"warmest": round(region.warmest, 2), "median": round(region.median, 2)})
