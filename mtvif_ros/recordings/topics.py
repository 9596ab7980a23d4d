"""Find out which topics of a recording are the visible and the infrared camera."""

from __future__ import annotations

from pathlib import Path

from mtvif_ros.image import ImageFormatError
from mtvif_ros.imaging.compressed_codec import has_colours
from mtvif_ros.recordings.reader import COMPRESSED, BagError, BagReader, Record

_COLOURS = ("rgb", "bgr", "bayer", "yuv", "nv12", "8uc3", "8uc4")
_NOT_CAMERAS = ("label", "mask", "segment", "mtvif", "depth", "disparity")
_LOOKED_AT = 400  # messages


def find_cameras(path: Path, rgb: str | None = None, ir: str | None = None) -> tuple[str, str]:
    """Return the topics of the visible and the infrared camera, as given or found.

    To find them, one topic with colours and one without are needed; labels, masks and depth do not
    count, and of a topic and its compressed form the former is taken. Raises BagError, listing the
    topics, when the choice is not clear.
    """
    if rgb and ir:
        return rgb, ir
    firsts: dict[str, Record] = {}
    with BagReader(path) as reader:
        for number, record in enumerate(reader.records()):
            firsts.setdefault(record.topic, record)
            if number >= _LOOKED_AT or len(firsts) == len(reader.kinds):
                break
    if not firsts:
        raise BagError(f"bag {path}: has no images at all")
    kinds = {topic: _kind_of(record) for topic, record in firsts.items() if not _is_other(topic, firsts)}
    visible = [rgb] if rgb else [topic for topic, kind in kinds.items() if kind == "visible"]
    infrared = [ir] if ir else [topic for topic, kind in kinds.items() if kind == "infrared"]
    if len(visible) == 1 and len(infrared) == 1:
        return visible[0], infrared[0]
    listed = ", ".join(f"{topic} ({kinds.get(topic, 'no camera')})" for topic in sorted(firsts))
    raise BagError(
        f"bag {path}: which topics are the two cameras? It has {listed}; "
        "choose with --rgb-topic and --ir-topic"
    )


def _is_other(topic: str, firsts: dict[str, Record]) -> bool:
    if any(word in topic.lower() for word in _NOT_CAMERAS):
        return True
    return firsts[topic].kind == COMPRESSED and topic.removesuffix("/compressed") in firsts.keys() - {topic}


def _kind_of(record: Record) -> str:
    message = record.message()
    if record.kind != COMPRESSED:
        coloured = message.encoding.lower().startswith(_COLOURS)
        return "visible" if coloured else "infrared"
    try:
        return "visible" if has_colours(message) else "infrared"
    except ImageFormatError:
        return "unreadable"
