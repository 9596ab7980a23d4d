"""Read masks from COCO annotations: polygons and run lengths, crowds included."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from mtvif_ros.image import Image

BACKGROUND = "background"

_ROUNDED = 1.0  # pixels that a polygon may leave the frame by
_LISTS = ("images", "annotations", "categories")


@dataclass(frozen=True)
class CocoImage:
    """Hold an image's size (height, width), and number, class index and segmentation of each annotation."""

    name: str
    size: tuple[int, int]
    annotations: tuple[tuple[int, int, Any], ...]


@dataclass(frozen=True)
class Coco:
    """Hold the names of the classes by index, `background` first, and the images by name without suffix."""

    path: Path
    names: tuple[str, ...]
    images: Mapping[str, CocoImage]


def find_coco(root: Path) -> Path | None:
    """Return the file of annotations in `root` or `root/annotations`, None if there is none.

    Raises ValueError for several, and for a JSON file that cannot be read.
    """
    paths = sorted([*root.glob("*.json"), *root.glob("annotations/*.json")])
    found = [path for path in paths if all(isinstance(_load(path).get(name), list) for name in _LISTS)]
    if len(found) > 1:
        named = ", ".join(str(path.relative_to(root)) for path in found)
        raise ValueError(f"{root}: has several COCO files, {named}; keep one of them")
    return found[0] if found else None


def read_coco(path: Path) -> Coco:
    """Read a COCO file whose annotations have segmentations.

    Raises ValueError, naming the file and each entry that lacks something, repeats another or refers to none.
    """
    content, problems = _load(path), list[str]()
    categories = _by_id(content["categories"], "category", {"name": str}, problems)
    images = _by_id(content["images"], "image", {"file_name": str, "width": int, "height": int}, problems)
    annotations = _by_id(
        content["annotations"], "annotation", {"image_id": int, "category_id": int}, problems
    )
    names = [entry["name"] for entry in categories.values()]
    problems += [f"category {name!r}: is named twice" for name in sorted({*names}) if names.count(name) > 1]
    ordered = sorted({BACKGROUND, *names}, key=[BACKGROUND, *names].index)
    of_image: dict[int, list[tuple[int, int, Any]]] = {number: [] for number in images}
    known: dict[str, int] = {}
    for number, entry in annotations.items():
        image, category = entry["image_id"], entry["category_id"]
        if image not in images:
            problems.append(f"annotation {number}: image_id {image} is no image; remove it or add the image")
        elif category not in categories:
            problems.append(
                f"annotation {number}: category_id {category} is not among the categories "
                f"({', '.join(map(str, categories))}); correct it or add the category"
            )
        else:
            segmentation = entry.get("segmentation")
            same = known.setdefault(json.dumps([image, category, segmentation]), number)
            if segmentation and same != number:
                problems.append(f"annotation {number}: repeats annotation {same}; remove one")
            of_image[image].append((number, ordered.index(categories[category]["name"]), segmentation))
    named: dict[str, CocoImage] = {}
    for number, entry in images.items():
        name = Path(entry["file_name"].replace("\\", "/")).stem
        if name in named:
            problems.append(
                f"image {number}: {entry['file_name']!r} has the name of an earlier one; remove one"
            )
        named[name] = CocoImage(name, (entry["height"], entry["width"]), tuple(of_image[number]))
    if problems:
        raise ValueError(f"{path}: {'; '.join(problems)}")
    return Coco(path, tuple(ordered), named)


def draw(path: Path, image: CocoImage) -> Image:
    """Return the class indices (H, W) of an image's annotations; 0 is background, small things lie on top.

    `path` is the file that they come from. Raises ValueError naming it and every annotation that has no area,
    leaves the image or has another size, and ModuleNotFoundError without pycocotools.
    """
    height, width = image.size
    problems: list[str] = []
    shapes = []
    for number, index, segmentation in image.annotations:
        try:
            shapes.append((index, _pixels(segmentation, height, width)))
        except ValueError as error:
            problems.append(f"annotation {number} of {image.name!r}: {error}")
    if problems:
        raise ValueError(f"{path}: {'; '.join(problems)}")
    mask = np.zeros(image.size, np.uint8)
    for index, pixels in sorted(shapes, key=lambda shape: -int(shape[1].sum())):
        mask[pixels] = index
    return mask


def _pixels(segmentation: Any, height: int, width: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    if isinstance(segmentation, dict):
        rle = _run_lengths(segmentation, height, width)
    else:
        _check_polygons(segmentation, height, width)
        rle = _pycocotools().merge(_pycocotools().frPyObjects(segmentation, height, width))
    try:
        pixels = _pycocotools().decode(rle).astype(bool)
    except ValueError:
        raise ValueError("its run lengths do not fill the image; export it again") from None
    if not pixels.any():
        raise ValueError("covers no pixel; remove it or draw it larger")
    return pixels


def _run_lengths(segmentation: Mapping[str, Any], height: int, width: int) -> Any:
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if size != [height, width]:
        raise ValueError(f"its run lengths are for {size}, expected {[height, width]}; export it again")
    if isinstance(counts, str):
        return {"size": size, "counts": counts.encode()}
    given = counts if isinstance(counts, list) else [None]
    whole = all(type(count) is int and count >= 0 for count in given)
    if not whole or sum(given) != height * width:
        raise ValueError(f"its run lengths do not add up to {height * width} pixels; export it again")
    return _pycocotools().frPyObjects(segmentation, height, width)


def _check_polygons(polygons: Any, height: int, width: int) -> None:
    if not isinstance(polygons, list) or not polygons:
        raise ValueError("has no segmentation; draw a polygon or a mask, or export boxes as YOLO")
    for polygon in polygons:
        numbers = polygon if isinstance(polygon, list) else [None]
        if len(numbers) < 6 or len(numbers) % 2 or not all(_is_finite(number) for number in numbers):
            raise ValueError("must be lists of x, y for three points or more; draw it again")
        for x, y in zip(numbers[::2], numbers[1::2]):
            if not (-_ROUNDED <= x <= width + _ROUNDED and -_ROUNDED <= y <= height + _ROUNDED):
                raise ValueError(
                    f"point {x}, {y} lies outside of {width}x{height} pixels; cut it at the edge"
                )


def _is_finite(number: Any) -> bool:
    return type(number) in (int, float) and math.isfinite(number)


def _by_id(
    entries: Sequence[Any], kind: str, keys: Mapping[str, type], problems: list[str]
) -> dict[int, dict[str, Any]]:
    """Return entries by their `id`; those that lack a key or have an earlier id go to `problems`."""
    found: dict[int, dict[str, Any]] = {}
    for place, entry in enumerate(entries):
        given = entry if isinstance(entry, dict) else {}
        lacking = [key for key, wanted in {"id": int, **keys}.items() if type(given.get(key)) is not wanted]
        number = given.get("id", f"at place {place}")
        if lacking:
            problems.append(f"{kind} {number}: lacks {', '.join(lacking)}; export it again")
        elif number in found:
            problems.append(f"{kind} {number}: has the id of an earlier one; remove one")
        else:
            found[number] = given
    return found


def _load(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"{path}: not valid JSON: {error}; export it again") from error
    return content if isinstance(content, dict) else {}


def _pycocotools() -> ModuleType:
    try:
        from pycocotools import mask
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "COCO annotations need the Python module pycocotools; pip install -r requirements/training.txt"
        ) from error
    return mask
