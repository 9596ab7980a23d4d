"""Read colour masks with their label map, as CVAT exports them ("Segmentation mask 1.1")."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mtvif_ros.classes import IGNORE, Colour
from mtvif_ros.image import Image
from mtvif_ros.imaging.files import read_visible
from mtvif_ros.imaging.masks import is_grey_png, read_mask

LABEL_MAP = "labelmap.txt"
MASKS = "SegmentationClass"

_BACKGROUND, _IGNORED = "background", "ignore"
_BLACK = (0, 0, 0)
_FORM = "NAME:R,G,B::"
_SHOWN = 3  # unknown colours


@dataclass(frozen=True)
class LabelMap:
    """Hold the classes of a label map: their names and colours by index, `background` first.

    lines: the index of each line, IGNORE for the name `ignore`; line_colours: its colour.
    """

    path: Path
    names: tuple[str, ...]
    colours: tuple[Colour, ...]
    lines: tuple[int, ...]
    line_colours: tuple[Colour, ...]


def read_label_map(path: Path) -> LabelMap:
    """Read lines `NAME:R,G,B:parts:actions`; a map without black has `background` in it.

    Raises ValueError naming the file and every line that has another form, or an earlier name or colour.
    """
    problems: list[str] = []
    found: dict[str, Colour] = {}
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        name, *rest = (part.strip() for part in line.split(":"))
        colour = _colour(rest[0] if rest else "")
        if not name or colour is None:
            problems.append(f"line {number}, {line!r}: must be {_FORM} with a colour of 0 to 255")
        elif name in found:
            problems.append(f"line {number}, {line!r}: repeats the name of an earlier line; remove one")
        elif colour in found.values():
            problems.append(f"line {number}, {line!r}: has the colour of an earlier line; give it another")
        else:
            found[name] = colour
    if problems:
        raise ValueError(f"{path}: {'; '.join(problems)}")
    if not found:
        raise ValueError(f"{path}: lists no class; write a line {_FORM} for each")
    if _BACKGROUND not in found and _BLACK not in found.values():
        found = {_BACKGROUND: _BLACK, **found}
    names = sorted((name for name in found if name != _IGNORED), key=lambda name: name != _BACKGROUND)
    lines = [IGNORE if name == _IGNORED else names.index(name) for name in found]
    return LabelMap(
        path, tuple(names), tuple(found[name] for name in names), tuple(lines), tuple(found.values())
    )


def read_colour_mask(path: Path, label_map: LabelMap) -> Image:
    """Read a PNG of colours, or of grey line numbers from 0 on, as class indices (H, W).

    Raises ValueError naming the file, and the colours or numbers that the label map lacks.
    """
    if is_grey_png(path):
        numbers = read_mask(path)
        if numbers.size and numbers.max() >= len(label_map.lines):
            raise ValueError(
                f"{path}: value {numbers.max()} is no line of {label_map.path.name}, which has "
                f"{len(label_map.lines)}; export colours, or add the line {_FORM}"
            )
        return np.array(label_map.lines, np.uint8)[numbers]
    codes = _codes(read_visible(path))
    known = _codes(np.array(label_map.line_colours, np.uint8))
    order = np.argsort(known)
    places = order[np.searchsorted(known, codes, sorter=order).clip(max=len(known) - 1)]
    unknown = known[places] != codes
    if unknown.any():
        raise ValueError(f"{path}: {_described(codes, unknown, label_map)}")
    return np.array(label_map.lines, np.uint8)[places]


def _colour(text: str) -> Colour | None:
    parts = text.split(",")
    if len(parts) != 3 or not all(part.strip().isdecimal() and int(part) <= 255 for part in parts):
        return None
    red, green, blue = (int(part) for part in parts)
    return red, green, blue


def _codes(colours: Image) -> np.ndarray[tuple[int, ...], np.dtype[np.uint32]]:
    """Return colours (…, 3) as one number each."""
    return np.asarray(colours @ np.array([1 << 16, 1 << 8, 1], np.uint32), np.uint32)


def _described(codes: np.ndarray, unknown: np.ndarray, label_map: LabelMap) -> str:  # type: ignore[type-arg]
    found, counts = np.unique(codes[unknown], return_counts=True)
    commonest = np.argsort(-counts, kind="stable")[:_SHOWN]
    told = []
    for code, count in zip(found[commonest].tolist(), counts[commonest].tolist()):
        row, column = np.argwhere(codes == code)[0].tolist()
        rgb = f"{code >> 16},{code >> 8 & 255},{code & 255}"
        told.append(f"{rgb} ({count} pixels, the first at row {row}, column {column})")
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return (
        f"{label_map.path.name} lacks the colour {', '.join(told)}{more}; add `NAME:R,G,B::` for it, or "
        "export without smoothed edges"
    )
