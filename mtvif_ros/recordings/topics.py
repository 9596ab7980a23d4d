"""Choose the topics of a recording: the visible camera, the infrared camera and the class masks."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from mtvif_ros.image import ImageFormatError
from mtvif_ros.imaging.codec import has_colours
from mtvif_ros.recordings.reader import COMPRESSED, BagError, BagReader, Record
from mtvif_ros.topics import LABELS, absolute, compressed

_COLOURS = ("rgb", "bgr", "bayer", "yuv", "nv12", "8uc3", "8uc4")
_NOT_CAMERAS = ("label", "mask", "segment", "mtvif", "depth", "disparity")
_LOOKED_AT = 400  # messages


def add_bag_arguments(parser: ArgumentParser) -> None:
    """Add the options of every command that reads pairs from a bag: the bag, its topics, slop and offset."""
    parser.add_argument("--bag", type=Path, required=True, help="rosbag2: a folder or an mcap or db3 file")
    parser.add_argument(
        "--rgb-topic", default="", help="visible images; default: the bag's only topic with colours"
    )
    parser.add_argument(
        "--ir-topic", default="", help="infrared images; default: the bag's only topic without colours"
    )
    parser.add_argument("--slop", type=float, default=0.02, help="largest distance within a pair, in s")
    parser.add_argument("--offset", type=float, default=0.0, help="infrared minus visible clock, in s")


def find_cameras(path: Path, rgb: str | None = None, ir: str | None = None) -> tuple[str, str]:
    """Return the topics of the visible and the infrared camera; find those that are not given.

    A search needs exactly one topic with colours and one without. It ignores labels, masks and depth, and
    the compressed form of a topic that is there in raw form too. Raises BagError, which lists the topics, if
    the choice is unclear.
    """
    if rgb and ir:
        return rgb, ir
    with BagReader(path) as reader:
        return choose_cameras(reader, rgb, ir)


def choose_cameras(reader: BagReader, rgb: str | None = None, ir: str | None = None) -> tuple[str, str]:
    """Return what find_cameras returns, for a bag that is open."""
    if rgb and ir:
        return rgb, ir
    firsts: dict[str, Record] = {}
    for number, record in enumerate(reader.records()):
        firsts.setdefault(record.topic, record)
        if number >= _LOOKED_AT or len(firsts) == len(reader.kinds):
            break
    if not firsts:
        raise BagError(f"bag {reader.path}: has no images")
    kinds = {topic: _kind_of(record) for topic, record in firsts.items() if not _is_other(topic, firsts)}
    visible = [rgb] if rgb else [topic for topic, kind in kinds.items() if kind == "visible"]
    infrared = [ir] if ir else [topic for topic, kind in kinds.items() if kind == "infrared"]
    if len(visible) == 1 and len(infrared) == 1:
        return visible[0], infrared[0]
    listed = ", ".join(f"{topic} ({kinds.get(topic, 'no camera')})" for topic in sorted(firsts))
    raise BagError(
        f"bag {reader.path}: which topics are the two cameras? It has {listed}; "
        "choose with --rgb-topic and --ir-topic"
    )


def find_labels(path: Path, given: str | None) -> str | None:
    """Return the topic of class masks: `given`, or else ours if the bag has it. Raises BagError."""
    if given:
        return given
    with BagReader(path) as reader:
        return choose_labels(reader)


def choose_labels(reader: BagReader, given: str | None = None) -> str | None:
    """Return what find_labels returns, for a bag that is open."""
    topic = given or absolute(LABELS)
    return topic if given or topic in reader.kinds else None


def _is_other(topic: str, firsts: dict[str, Record]) -> bool:
    if any(word in topic.lower() for word in _NOT_CAMERAS):
        return True
    return firsts[topic].kind == COMPRESSED and any(compressed(raw) == topic for raw in firsts)


def _kind_of(record: Record) -> str:
    message = record.message()
    if record.kind != COMPRESSED:
        coloured = message.encoding.lower().startswith(_COLOURS)
        return "visible" if coloured else "infrared"
    try:
        return "visible" if has_colours(message) else "infrared"
    except ImageFormatError:
        return "unreadable"
