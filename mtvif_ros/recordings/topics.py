"""Choose the topics of a recording: the visible camera, the infrared camera and the class masks."""

from __future__ import annotations

import re
from itertools import islice

from mtvif_ros.image import ImageFormatError
from mtvif_ros.imaging.codec import LAYOUTS, has_colours
from mtvif_ros.recordings.reader import COMPRESSED, BagError, BagReader, Record
from mtvif_ros.topics import LABELS, absolute, compressed

COLOURS, GREY, DEEP_GREY, UNREADABLE = "colours", "grey", "grey of 16 bits or floats", "unreadable"

_NOT_CAMERAS = ("label", "mask", "segment", "mtvif", "depth", "disparity")
# What begins a word of a topic's name.
_INFRARED = re.compile(r"thermal|infra|lwir|mwir|flir|boson|lepton|ir(?:cam(?:era)?)?(?![a-z])")
_VISIBLE = re.compile(r"visib|colou?r|rgb|(?:vis|vi|eo)(?![a-z])")
_LOOKED_AT = 10  # messages of a topic, until one can be read


def choose_cameras(reader: BagReader, rgb: str | None = None, ir: str | None = None) -> tuple[str, str]:
    """Return the topics of the visible and the infrared camera; find those that are not given.

    A search ignores labels, masks and depth, and the compressed form of a topic that is there in raw form
    too. It is certain of one topic with colours and one without, if a name or its depth confirms which is
    infrared. Raises BagError, which lists the topics, if the choice is not certain.
    """
    if rgb and rgb == ir:
        raise BagError(f"bag {reader.path}: --rgb-topic and --ir-topic are both {rgb}; name two topics")
    if rgb and ir:
        return rgb, ir
    reader.require(*(topic for topic in (rgb, ir) if topic))
    looks = {topic: look for topic in reader.kinds if (look := _look(reader, topic))}
    if not looks:
        raise BagError(f"bag {reader.path}: has no images{damaged(reader)}")
    others = [topic for topic in looks if topic not in (rgb, ir) and not _is_other(topic, reader)]
    visible = [rgb] if rgb else [topic for topic in others if looks[topic] == COLOURS]
    infrared = [ir] if ir else [topic for topic in others if looks[topic] in (GREY, DEEP_GREY)]
    if (rgb or ir) and len(others) == 1:
        return rgb or others[0], ir or others[0]
    if len(visible) == 1 and len(infrared) == 1:
        found = visible[0], infrared[0]
        if _fits(*found) and (rgb or ir or looks[found[1]] == DEEP_GREY or _is_named(*found)):
            return found
    listed = ", ".join(
        f"{topic} ({looks[topic] if topic in (*others, rgb, ir) else 'no camera'})" for topic in sorted(looks)
    )
    raise BagError(
        f"bag {reader.path}: which topics are the two cameras? It has {listed}; "
        f"choose with --rgb-topic and --ir-topic{damaged(reader)}"
    )


def choose_labels(reader: BagReader, given: str | None = None) -> str | None:
    """Return the topic of class masks: `given`, or else ours if the bag has it."""
    topic = given or absolute(LABELS)
    return topic if given or topic in reader.kinds else None


def damaged(reader: BagReader) -> str:
    """Return what to add to an error about a bag that is damaged."""
    return f"; the bag is damaged: {reader.damage}" if reader.damage else ""


def _is_other(topic: str, reader: BagReader) -> bool:
    if any(word in topic.lower() for word in _NOT_CAMERAS):
        return True
    return reader.kinds[topic] == COMPRESSED and any(compressed(raw) == topic for raw in reader.kinds)


def _fits(visible: str, infrared: str) -> bool:
    """Say whether no name contradicts the choice."""
    return _says(visible) != _INFRARED and _says(infrared) != _VISIBLE


def _is_named(visible: str, infrared: str) -> bool:
    return _says(visible) == _VISIBLE or _says(infrared) == _INFRARED


def _says(topic: str) -> re.Pattern[str] | None:
    """Return which camera a topic's name speaks of, None for neither or both."""
    said = [
        words
        for words in (_INFRARED, _VISIBLE)
        if re.search(rf"(?<![a-z])(?:{words.pattern})", topic.lower())
    ]
    return said[0] if len(said) == 1 else None


def _look(reader: BagReader, topic: str) -> str:
    """Return what the first images of a topic look like; an empty text without any."""
    look = ""
    for record in islice(reader.records((topic,)), _LOOKED_AT):
        look = _look_of(record)
        if look != UNREADABLE:
            break
    return look


def _look_of(record: Record) -> str:
    try:
        message = record.message()
        if record.kind == COMPRESSED:
            return COLOURS if has_colours(message) else GREY
    except ImageFormatError:
        return UNREADABLE
    layout = LAYOUTS.get(message.encoding)
    if layout is None:
        return GREY  # whoever reads its images tells what is wrong with them
    if layout.colours is not None:
        return COLOURS
    return DEEP_GREY if layout.to_rgb is None else GREY
