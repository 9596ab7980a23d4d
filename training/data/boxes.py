"""Read hand-drawn boxes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import yaml

from mtvif_ros.recordings.pair_folder import PairFiles
from training.data.coco import BACKGROUND

IGNORED = "ignore"  # what `map` calls what counts for nothing
_FOUND = 0.25
_SHOWN = 60  # characters of a line
_ROUNDED = 1e-3  # how far numbers of three digits may lie outside the picture

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Boxes:
    """Hold boxes (N, 4) `x_centre y_centre width height` in 0..1, and the class index of each.

    boxed: the classes that have boxes wherever they appear. ignored: the boxes in which any class may be.
    """

    places: npt.NDArray[np.float32]
    indices: tuple[int, ...]
    boxed: frozenset[int]
    ignored: tuple[Box, ...] = ()

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[tuple[int, Box]]:
        yield from zip(self.indices, self.places.tolist())

    def only(self, kept: Sequence[bool]) -> Boxes:
        """Return those boxes for which `kept` is true."""
        indices = tuple(index for index, keep in zip(self.indices, kept) if keep)
        return replace(self, places=self.places[np.array(kept, bool)], indices=indices)


def read_boxes(files: PairFiles, names: Sequence[str]) -> Boxes | None:
    """Read the boxes of a pair, lines `class x_centre y_centre width height` (YOLO form); None without any.

    `names` are the model's classes; boxes of other classes and of the background are left out. Rounding that
    leaves the picture by a thousandth is cut off. Raises ValueError, naming the file and every line that is
    not five numbers, has an unknown class, has no size, leaves the picture or repeats another, for a
    `classes.txt` of labelImg beside the file that numbers a class in another way, and, naming the folder, for
    boxes of every class, which leave none for what lies around them.
    """
    if files.boxes is None:
        return None
    _check_order(files.boxes.with_name("classes.txt"), files.box_names)
    if BACKGROUND not in names and set(files.box_names) >= set(names):
        raise ValueError(
            f"{files.boxes.parent}: its boxes name every class of the model, so that none is left around "
            f"them; add {BACKGROUND} to the config's classes, or map one of {', '.join(names)} to {IGNORED}"
        )
    background = BACKGROUND if BACKGROUND in names else names[0]
    classes = [
        names.index(name) if name in names and name != background else None for name in files.box_names
    ]
    lines = [
        (number, line.split())
        for number, line in enumerate(_read(files.boxes).splitlines(), 1)
        if line.strip()
    ]
    first = {tuple(line): number for number, line in reversed(lines)}
    problems: dict[str, list[str]] = {}
    for number, line in lines:
        if problem := _problem(line, len(classes)) or _repetition(number, first[tuple(line)]):
            problems.setdefault(problem, []).append(f"line {number}, {' '.join(line)[:_SHOWN]!r}")
    if problems:
        told = [f"{_first(places)}: {problem}" for problem, places in problems.items()]
        raise ValueError(f"{files.boxes}: {'; '.join(told)}")
    numbers = [int(float(line[0])) for _, line in lines]
    places = np.array([line[1:] for _, line in lines], np.float32).reshape(len(lines), 4).clip(0, 1)
    known = [classes[number] is not None for number in numbers]
    ignored = [files.box_names[number] == IGNORED for number in numbers]
    return Boxes(
        places[known],
        tuple(index for number in numbers if (index := classes[number]) is not None),
        frozenset(index for index in classes if index is not None),
        tuple((x, y, width, height) for x, y, width, height in places[ignored].tolist()),
    )


def read_box_names(path: Path) -> tuple[str, ...]:
    """Read the names of YOLO's data.yaml, a list or a mapping of the numbers from 0 on, or one in each line.

    Raises ValueError, naming the file, for other names and for a number `nc` that differs.
    """
    names = _names_of_yaml(path) if path.suffix == ".yaml" else _names_of_lines(path)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{path}: names {', '.join(twice)} twice; give every class its own")
    return tuple(names)


def _names_of_lines(path: Path) -> list[str]:
    names = [line.strip() for line in _read(path).rstrip().splitlines()]
    if not names or not all(names):
        raise ValueError(f"{path}: has an empty line or none, expected the name of a class in each")
    return names


def _names_of_yaml(path: Path) -> list[str]:
    try:
        content = yaml.safe_load(_read(path))
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    names = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, dict):
        numbers = sorted(names, key=str) if any(type(one) is not int for one in names) else sorted(names)
        if numbers != list(range(len(names))):
            raise ValueError(f"{path}: names have the numbers {numbers}, expected 0 to {len(names) - 1}")
        names = [names[number] for number in numbers]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ValueError(
            f"{path}: names is {names!r}, expected names such as [person, car], in quotes if need be"
        )
    if content.get("nc", len(names)) != len(names):
        raise ValueError(f"{path}: nc is {content['nc']}, but it names {len(names)} classes; correct one")
    return names


def box_window(
    box: Box, size: tuple[int, ...], share: tuple[float, float] = (1.0, 1.0)
) -> tuple[slice, slice]:
    """Return the rows and columns, in a picture of `size` (height, width), of a box's central `share`."""
    x, y, w, h = box
    half_w, half_h = w * share[0] / 2, h * share[1] / 2
    rows = slice(max(0, round((y - half_h) * size[0])), max(0, round((y + half_h) * size[0])))
    columns = slice(max(0, round((x - half_w) * size[1])), max(0, round((x + half_w) * size[1])))
    return rows, columns


def is_found(mask: npt.NDArray[np.uint8], index: int, box: Box) -> bool:
    """Decide whether class `index` fills at least a quarter of a box; below that the mask missed it."""
    inside = mask[box_window(box, mask.shape)]
    return bool(inside.size and (inside == index).mean() >= _FOUND)


def _read(path: Path) -> str:
    """Return a text file without its byte-order mark."""
    return path.read_text(encoding="utf-8-sig", errors="replace")


def _check_order(listing: Path, names: tuple[str, ...]) -> None:
    if not listing.is_file():
        return
    expected = tuple(name.casefold() for name in names)
    for number, line in enumerate(_read(listing).splitlines()):
        name = line.strip().casefold()
        if name in expected and expected[number : number + 1] != (name,):
            raise ValueError(
                f"{listing}: {name} is class {number}, expected {expected.index(name)}; list the names in "
                "the file's order as `boxes` of this source in the config, or correct or remove the file"
            )


def _first(places: Sequence[str]) -> str:
    return places[0] if len(places) == 1 else f"{places[0]}, and {len(places) - 1} more"


def _repetition(number: int, first: int) -> str | None:
    return None if number == first else f"repeats line {first}; remove one"


def _problem(line: list[str], classes: int) -> str | None:
    try:
        kind, *box = (float(value) for value in line)
    except ValueError:
        return "not numbers"
    if len(box) >= 6 and len(box) % 2 == 0:
        return "is a polygon; export polygons as COCO, or boxes"
    if len(box) != 4:
        return "must be `class x_centre y_centre width height`"
    if kind not in range(classes):
        return f"class must be 0 to {classes - 1}; correct it, or name the class in data.yaml"
    if not all(-_ROUNDED <= value <= 1 + _ROUNDED for value in box):
        return "centre and size must be in 0..1"
    x, y, width, height = box
    if width <= 0 or height <= 0:
        return "has no size; remove the line"
    if not all(
        half / 2 - _ROUNDED <= centre <= 1 + _ROUNDED - half / 2 for centre, half in ((x, width), (y, height))
    ):
        return "reaches beyond the edge; cut it there"
    return None
