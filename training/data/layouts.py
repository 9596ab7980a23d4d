"""List the pairs of published data sets as distributed; docs/reference/files.md shows the folder trees.

Every layout maps the data set's class values to ours. A value that it does not map is an error, which
training.check reports.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from mtvif_ros.classes import CLASS_NAMES, IGNORE
from mtvif_ros.recordings.pair_folder import PairFiles, find_pairs, pair_folders
from training.config import LayoutName

_OURS = {name: index for index, name in enumerate(CLASS_NAMES)}

# 0 unlabelled, then road, sidewalk, building, traffic lamp, traffic sign, vegetation, sky, person,
# car, truck, bus, motorcycle, bicycle, pole.
FMB_CLASSES: Mapping[int, int] = {
    **dict.fromkeys(range(1, 15), 0),
    0: IGNORE,
    8: _OURS["person"],
    **dict.fromkeys((9, 10, 11), _OURS["car"]),
    **dict.fromkeys((12, 13), _OURS["bike"]),
}
# 0 background, 1 fire extinguisher, 2 backpack, 3 hand drill, 4 survivor.
PST900_CLASSES: Mapping[int, int] = {0: 0, 1: 0, 2: 0, 3: 0, 4: _OURS["person"]}


def msrs(root: Path, split: str) -> list[PairFiles]:
    """List MSRS: SPLIT/vi, SPLIT/ir, SPLIT/Segmentation_labels; its nine classes are ours."""
    base = root / split
    return pair_folders(base / "vi", base / "ir", base / "Segmentation_labels")


def fmb(root: Path, split: str) -> list[PairFiles]:
    """List FMB: SPLIT/Visible, SPLIT/Infrared, SPLIT/Label."""
    base = root / split
    return pair_folders(base / "Visible", base / "Infrared", base / "Label", FMB_CLASSES)


def pst900(root: Path, split: str) -> list[PairFiles]:
    """List PST900: SPLIT/rgb, SPLIT/thermal, SPLIT/labels."""
    base = root / split
    return pair_folders(base / "rgb", base / "thermal", base / "labels", PST900_CLASSES)


def mfnet(root: Path, split: str) -> list[PairFiles]:
    """List MFNet: images of four channels (R, G, B, infrared), labels, and SPLIT.txt with the names.

    Raises FileNotFoundError naming the list, or every image and mask of it that is missing.
    """
    listing = root / f"{split}.txt"
    if not listing.is_file():
        raise FileNotFoundError(f"{listing}: no such file; MFNet lists the names of a split there")
    pairs, missing = [], []
    for name in dict.fromkeys(listing.read_text(encoding="utf-8-sig").split()):
        image, mask = root / "images" / f"{name}.png", root / "labels" / f"{name}.png"
        missing += [
            f"{path}: is in {listing} but does not exist" for path in (image, mask) if not path.is_file()
        ]
        pairs.append(PairFiles(name, image, image, mask, None))
    flipped = sum(path.partition(".png: ")[0].endswith("_flip") for path in missing)
    if flipped:
        missing.append(
            f"{flipped} of these are mirrored, which MFNet's make_flip.py does; training mirrors by itself, "
            f"so remove their names: sed -i /_flip/d {listing}"
        )
    if missing:
        raise FileNotFoundError("\n  ".join(missing))
    return pairs


LAYOUTS: dict[LayoutName, Callable[[Path, str], list[PairFiles]]] = {
    "pairs": lambda root, split: find_pairs(root),
    "msrs": msrs,
    "fmb": fmb,
    "pst900": pst900,
    "mfnet": mfnet,
}
