"""Read a folder of aligned visible and infrared frames, with optional class masks and boxes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mtvif_ros.image import Image

_IMAGES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}


@dataclass(frozen=True)
class PairFiles:
    """Hold the paths of one pair; `mask` and `boxes` are None if the folder has none.

    If `visible` and `infrared` are the same path, it is an image of four channels: R, G, B and infrared.
    `mask_values` maps the values of the mask file to classes; None if they are the classes already.
    `box_names` are the classes of the box file's numbers.
    """

    name: str
    visible: Path
    infrared: Path
    mask: Path | None
    boxes: Path | None
    mask_values: Mapping[int, int] | None = None
    box_names: tuple[str, ...] = ("person", "bike", "car")


def find_pairs(root: Path) -> list[PairFiles]:
    """List the pairs under `root`: `vi/NAME.*`, `ir/NAME.*`, `labels/NAME.png`, `boxes/NAME.txt`.

    Raises FileNotFoundError if a folder is missing or empty, or if a frame lacks its partner.
    """
    return pair_folders(root / "vi", root / "ir", root / "labels", boxes=root / "boxes")


def pair_folders(
    visible: Path,
    infrared: Path,
    masks: Path | None = None,
    mask_values: Mapping[int, int] | None = None,
    boxes: Path | None = None,
) -> list[PairFiles]:
    """List the frames that have the same name in both folders, each with the mask and boxes of that name.

    Raises FileNotFoundError if a frame folder is missing or empty, and for frames, masks and boxes without
    a partner, all of which the message names.
    """
    of_visible, of_infrared = _by_stem(visible, _IMAGES), _by_stem(infrared, _IMAGES)
    of_masks = _by_stem(masks, {".png"}) if masks is not None and masks.is_dir() else {}
    of_boxes = _by_stem(boxes, {".txt"}) if boxes is not None and boxes.is_dir() else {}
    alone = [str(of_visible[name]) for name in sorted(of_visible.keys() - of_infrared.keys())]
    for others in (of_infrared, of_masks, of_boxes):
        alone += [str(others[name]) for name in sorted(others.keys() - of_visible.keys())]
    if alone:
        raise FileNotFoundError(
            f"{len(alone)} files under {visible.parent} lack a partner of the same name in "
            f"{visible.name}/ or {infrared.name}/:\n  " + "\n  ".join(alone)
        )
    return [
        PairFiles(name, path, of_infrared[name], of_masks.get(name), of_boxes.get(name), mask_values)
        for name, path in sorted(of_visible.items())
    ]


def load_pair(files: PairFiles) -> tuple[Image, Image]:
    """Read rgb (H, W, 3), R G B, and ir (H, W), both uint8.

    Raises ValueError, which names the file, if one cannot be decoded or the sizes differ.
    """
    if files.visible == files.infrared:
        both = _decode(files.visible, cv2.IMREAD_UNCHANGED)
        if both.ndim != 3 or both.shape[2] != 4:
            raise ValueError(f"{files.visible}: is {both.shape}, expected four channels: R, G, B, infrared")
        return np.ascontiguousarray(both[..., 2::-1]), np.ascontiguousarray(both[..., 3])
    bgr = _decode(files.visible, cv2.IMREAD_COLOR)
    ir = _decode(files.infrared, cv2.IMREAD_GRAYSCALE)
    _check_size(files.infrared, ir, bgr)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8), ir


def load_mask(files: PairFiles, like: Image) -> Image | None:
    """Read the class mask (H, W) of a pair, None if it has none.

    Raises ValueError, which names the file, if it cannot be decoded, differs from `like` in size or holds a
    value that `mask_values` lacks.
    """
    if files.mask is None:
        return None
    mask = _decode(files.mask, cv2.IMREAD_UNCHANGED)
    _check_size(files.mask, mask, like)
    if files.mask_values is None:
        return mask
    unknown = np.setdiff1d(mask, list(files.mask_values))
    if unknown.size:
        raise ValueError(f"{files.mask}: values {unknown.tolist()}, expected {sorted(files.mask_values)}")
    table = np.zeros(256, np.uint8)
    table[list(files.mask_values)] = list(files.mask_values.values())
    return table[mask]


def _by_stem(folder: Path, suffixes: set[str]) -> dict[str, Path]:
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; a data set needs vi/ and ir/ side by side")
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and path.name[0] != "."]
    strange = [str(path) for path in files if path.suffix.lower() not in suffixes]
    if strange:
        raise FileNotFoundError(
            f"{folder}: expected only {', '.join(sorted(suffixes))} files, found:\n  " + "\n  ".join(strange)
        )
    found = {path.stem: path for path in files}
    if not found and suffixes is _IMAGES:
        raise FileNotFoundError(f"{folder}: has no images ({', '.join(sorted(_IMAGES))})")
    return found


def _decode(path: Path, flag: int) -> Image:
    image = cv2.imread(str(path), flag)
    if image is None:
        raise ValueError(f"{path}: not an image that OpenCV can decode")
    if image.dtype != np.uint8:
        raise ValueError(f"{path}: has {image.dtype} pixels, expected uint8")
    return np.asarray(image, np.uint8)


def _check_size(path: Path, image: Image, like: Image) -> None:
    if image.ndim != 2 or image.shape != like.shape[:2]:
        raise ValueError(f"{path}: is {image.shape}, expected one plane of {like.shape[:2]}")
