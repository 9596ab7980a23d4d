"""List the pairs of one's own folder with whatever labels it holds, and the classes that these list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from mtvif_ros.classes import Colour
from mtvif_ros.recordings.label_map import LABEL_MAP, read_label_map
from mtvif_ros.recordings.pair_folder import PairFiles, box_folder, find_pairs
from training.data.boxes import read_box_names
from training.data.coco import BACKGROUND, draw, find_coco, read_coco

_LISTS = ("data.yaml", "obj.names")  # of YOLO's tools, and of CVAT
_LABELIMG = "classes.txt"


def own_pairs(root: Path) -> list[PairFiles]:
    """List the pairs that find_pairs lists, with masks of COCO annotations and the names of the boxes.

    A COCO image without annotations has no mask. Raises what find_pairs, find_coco, read_coco and
    own_box_names raise, and ValueError for masks beside COCO annotations, and images that are no frames.
    """
    pairs = find_pairs(root)
    if names := own_box_names(root):
        pairs = [replace(files, box_names=names) for files in pairs]
    path = find_coco(root)
    if path is None:
        return pairs
    if other := next((files.mask for files in pairs if files.mask is not None), None):
        raise ValueError(
            f"{root}: has masks in {other.parent.name}/ and COCO annotations in {path.name}; keep one"
        )
    coco = read_coco(path)
    if lost := [name for name in coco.images if name not in {files.name for files in pairs}]:
        raise ValueError(
            f"{path}: no frame in vi/ has the name of its images {', '.join(lost)}; copy them "
            "there or remove the entries"
        )
    return [
        replace(files, mask=path, read=partial(draw, image=image), mask_names=coco.names)
        if (image := coco.images.get(files.name)) is not None and image.annotations
        else files
        for files in pairs
    ]


def own_classes(root: Path) -> Mapping[str, Colour | None]:
    """Return the classes that the labels below `root` list, perhaps with colours; none if they list none.

    These are those of masks, or else those of boxes and the background around them. Raises as own_pairs.
    """
    if (root / LABEL_MAP).is_file():
        listed = read_label_map(root / LABEL_MAP)
        return dict(zip(listed.names, listed.colours))
    if (path := find_coco(root)) is not None:
        return dict.fromkeys(read_coco(path).names)
    if (names := own_box_names(root)) and not any(root.glob("labels/*.png")):
        return dict.fromkeys((BACKGROUND, *names))
    return {}


def own_box_names(root: Path) -> tuple[str, ...]:
    """Return the names of the boxes below `root`, none if nothing lists them.

    `data.yaml` comes first, then `obj.names`, then labelImg's `classes.txt` beside the boxes. Raises what
    box_folder and read_box_names raise, and ValueError for two that differ in a number that both have.
    """
    paths = [
        path for path in (*(root / name for name in _LISTS), box_folder(root) / _LABELIMG) if path.is_file()
    ]
    lists = [read_box_names(path) for path in paths]
    for path, names in zip(paths[1:], lists[1:]):
        for number, (one, other) in enumerate(zip(lists[0], names)):
            if one.casefold() != other.casefold():
                raise ValueError(
                    f"{path}: class {number} is {other}, but {one} in {paths[0]}; correct or remove a file"
                )
    return lists[0] if lists else ()
