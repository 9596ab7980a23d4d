"""Read a folder of aligned visible and infrared frames, with optional class masks and boxes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, replace
from functools import partial
from os.path import lexists
from pathlib import Path

import numpy as np

from mtvif_ros.image import AnyImage, Image
from mtvif_ros.imaging.files import IMAGES, read_four_channels, read_infrared, read_visible
from mtvif_ros.imaging.masks import read_mask
from mtvif_ros.imaging.thermal import ThermalScaler
from mtvif_ros.recordings.label_map import LABEL_MAP, MASKS, read_colour_mask, read_label_map

BOX_NAMES = ("person", "bike", "car")
"""What the numbers of MSRS's boxes mean, and those of others that do not say."""
_SPLITS = ("labels/*/*.txt", "obj_*_data/*.txt")  # of YOLO's tools, and of CVAT: obj_train_data


@dataclass(frozen=True)
class PairFiles:
    """Hold the paths of one pair; `mask` and `boxes` are None if the folder has none.

    If `visible` and `infrared` are the same path, it is an image of four channels: R, G, B and infrared.
    `read` turns the mask file into indices (H, W), whose names are `mask_names` where the folder lists them.
    `mask_values` maps these to classes; None if they are the classes already.
    `box_names` are the classes of the box file's numbers.
    """

    name: str
    visible: Path
    infrared: Path
    mask: Path | None
    boxes: Path | None
    mask_values: Mapping[int, int] | None = None
    box_names: tuple[str, ...] = BOX_NAMES
    read: Callable[[Path], Image] = read_mask
    mask_names: tuple[str, ...] = ()


def find_pairs(root: Path) -> list[PairFiles]:
    """List the pairs under `root`: `vi/NAME.*`, `ir/NAME.*`, `labels/NAME.png`, `boxes/NAME.txt`.

    Beside a `labelmap.txt`, `SegmentationClass` holds the masks; boxes lie where box_folder finds them.
    Raises what pair_folders, box_folder and read_label_map raise, and ValueError for masks in both places.
    """
    visible, infrared, masks = root / "vi", root / "ir", root / "labels"
    boxes = box_folder(root)
    if not (root / LABEL_MAP).is_file():
        # Beside folders of boxes, YOLO's tools leave files that are no masks.
        has_masks = masks != boxes and (masks != boxes.parent or any(masks.glob("*.png")))
        return pair_folders(visible, infrared, masks if has_masks else None, boxes=boxes)
    if any(masks.glob("*.png")):
        raise ValueError(f"{root}: has masks in {masks.name}/ and a {LABEL_MAP}; keep one of them")
    listed = read_label_map(root / LABEL_MAP)
    if not (root / MASKS).is_dir():
        raise FileNotFoundError(f"{root / MASKS}: no such folder, but {LABEL_MAP} belongs to its masks")
    read = partial(read_colour_mask, label_map=listed)
    return [
        replace(files, read=read, mask_names=listed.names)
        for files in pair_folders(visible, infrared, root / MASKS, boxes=boxes)
    ]


def box_folder(root: Path) -> Path:
    """Return the folder of box files: `boxes`, `labels`, or one that YOLO's tools or CVAT make for a split.

    Raises ValueError for boxes of several splits.
    """
    labels = root / "labels"
    if any(labels.glob("*.txt")):
        return labels
    splits = sorted({path.parent for place in _SPLITS for path in root.glob(place)})
    if len(splits) > 1:
        names = ", ".join(str(one.relative_to(root)) for one in splits)
        raise ValueError(
            f"{root}: boxes lie in {names}; give each split a folder of its own, with its vi/ and ir/"
        )
    return splits[0] if splits else root / "boxes"


def pair_folders(
    visible: Path,
    infrared: Path,
    masks: Path | None = None,
    mask_values: Mapping[int, int] | None = None,
    boxes: Path | None = None,
) -> list[PairFiles]:
    """List the frames that have the same name in both folders, each with the mask and boxes of that name.

    A `classes.txt`, which labelImg writes beside boxes, is no frame's. Raises FileNotFoundError if a frame
    folder is missing or empty, and for files of an unexpected kind, without a partner, with the name of
    another, or that cannot be reached, all of which the message names.
    """
    if not visible.is_dir():
        raise FileNotFoundError(_no_folder(visible))
    problems: list[str] = []
    of_visible, of_infrared = by_name(visible, IMAGES, problems), by_name(infrared, IMAGES, problems)
    of_masks = by_name(masks, {".png"}, problems, boxes) if masks is not None and lexists(masks) else {}
    of_boxes = by_name(boxes, {".txt"}, problems) if boxes is not None and lexists(boxes) else {}
    if "classes" not in of_visible:
        of_boxes.pop("classes", None)
    if of_visible and of_infrared:
        for some, others in (
            (of_visible, of_infrared),
            (of_infrared, of_visible),
            (of_masks, of_visible),
            (of_boxes, of_visible),
        ):
            problems += [
                f"{some[name]}: lacks a partner of the same name in {visible.name}/ or {infrared.name}/"
                for name in sorted(some.keys() - others.keys())
            ]
    if problems:
        raise FileNotFoundError("\n  ".join(problems))
    return [
        PairFiles(name, path, of_infrared[name], of_masks.get(name), of_boxes.get(name), mask_values)
        for name, path in sorted(of_visible.items())
    ]


def by_name(
    folder: Path, suffixes: Set[str], problems: list[str], apart: Path | None = None
) -> dict[str, Path]:
    """Return a folder's files by their names without suffix, and add to `problems` what is none of them.

    Hidden files and the path `apart` are left out. No folder, or one without images where `suffixes` are
    IMAGES, is a problem too.
    """
    if not folder.is_dir():
        problems.append(_no_folder(folder))
        return {}
    found: dict[str, Path] = {}
    before = len(problems)
    for path in sorted(path for path in folder.iterdir() if path.name[0] != "." and path != apart):
        if not path.exists():
            problems.append(f"{path}: is a link to {path.readlink()}, which does not exist")
        elif not path.is_file() or path.suffix.lower() not in suffixes:
            problems.append(f"{path}: expected only {', '.join(sorted(suffixes))} files")
        elif path.stem in found:
            problems.append(f"{path}: has the name of {found[path.stem].name}; remove one of them")
        else:
            found[path.stem] = path
    if suffixes is IMAGES and not found and len(problems) == before:
        problems.append(f"{folder}: has no images ({', '.join(sorted(suffixes))})")
    return found


def _no_folder(folder: Path) -> str:
    if lexists(folder):
        return f"{folder}: is no folder, or a link to none; correct or remove it"
    return f"{folder}: no such folder; a data set needs vi/ and ir/ side by side"


def load_pair(files: PairFiles, thermal: ThermalScaler | None = None) -> tuple[Image, Image]:
    """Read rgb (H, W, 3), R G B, and ir (H, W), both uint8.

    Infrared of more than 8 bits is scaled by `thermal`, which a sequence shares, or else by the frame alone.
    Raises ValueError, which names the file, if one cannot be decoded or the sizes differ.
    """
    rgb, ir = load_stored_pair(files)
    return rgb, (thermal or ThermalScaler())(ir)


def load_stored_pair(files: PairFiles) -> tuple[Image, AnyImage]:
    """Read rgb (H, W, 3), R G B, uint8, and ir (H, W) as read_infrared does. Raises as load_pair does."""
    if files.visible == files.infrared:
        return read_four_channels(files.visible)
    rgb, ir = read_visible(files.visible), read_infrared(files.infrared)
    _check_size(f"{files.infrared}:", ir, rgb)
    return rgb, ir


def load_mask(files: PairFiles, like: AnyImage) -> Image | None:
    """Read the class mask (H, W) of a pair, None if it has none.

    Raises ValueError, which names the file, if it cannot be read, differs from `like` in size or holds a
    value that `mask_values` lacks.
    """
    if files.mask is None:
        return None
    mask = files.read(files.mask)
    where = f"{files.mask}:" if files.mask.stem == files.name else f"{files.mask}: {files.name}"
    _check_size(where, mask, like)
    if files.mask_values is None:
        return mask
    unknown = np.setdiff1d(mask, list(files.mask_values))
    if unknown.size:
        raise ValueError(f"{files.mask}: values {unknown.tolist()}, expected {sorted(files.mask_values)}")
    table = np.zeros(256, np.uint8)
    table[list(files.mask_values)] = list(files.mask_values.values())
    return table[mask]


def _check_size(where: str, image: AnyImage, like: AnyImage) -> None:
    if image.shape != like.shape[:2]:
        raise ValueError(
            f"{where} is {image.shape}, expected one plane of {like.shape[:2]}, the size of its partner; "
            "scale it (labels without smoothing)"
        )
