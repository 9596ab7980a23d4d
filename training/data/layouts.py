"""List the pairs of published data sets as distributed; each function shows the folder tree that it reads.

`names` are the classes of a data set, by the value in its masks.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from mtvif_ros.classes import STREET_NAMES
from mtvif_ros.recordings.pair_folder import PairFiles, pair_folders
from training.config import LayoutName
from training.data.own import own_pairs

FMB_NAMES = (
    "ignore",  # unlabelled
    *("road", "sidewalk", "building", "traffic_lamp", "traffic_sign", "vegetation", "sky", "person"),
    *("car", "truck", "bus", "motorcycle", "bicycle", "pole"),
)
PST900_NAMES = ("background", "fire_extinguisher", "backpack", "hand_drill", "survivor")


class Layout(NamedTuple):
    """Hold what lists a split's pairs below a folder, and the names of its classes; none for any."""

    list: Callable[[Path, str], list[PairFiles]]
    names: tuple[str, ...] = ()


def msrs(root: Path, split: str) -> list[PairFiles]:
    """List MSRS: SPLIT/vi, SPLIT/ir, SPLIT/Segmentation_labels; the split `detection` has boxes in labels."""
    base = root / split
    return pair_folders(base / "vi", base / "ir", base / "Segmentation_labels", boxes=base / "labels")


def fmb(root: Path, split: str) -> list[PairFiles]:
    """List FMB: SPLIT/Visible, SPLIT/Infrared, SPLIT/Label."""
    base = root / split
    return pair_folders(base / "Visible", base / "Infrared", base / "Label")


def pst900(root: Path, split: str) -> list[PairFiles]:
    """List PST900: SPLIT/rgb, SPLIT/thermal, SPLIT/labels."""
    base = root / split
    return pair_folders(base / "rgb", base / "thermal", base / "labels")


def mfnet(root: Path, split: str) -> list[PairFiles]:
    """List MFNet: images of four channels (R, G, B, infrared), labels, and SPLIT.txt with the names.

    Raises FileNotFoundError naming the list, or every image and mask of it that is missing.
    """
    listing = root / f"{split}.txt"
    if not listing.is_file():
        raise FileNotFoundError(f"{listing}: no such file; MFNet lists the names of a split there")
    pairs, missing = [], []
    for name in dict.fromkeys(listing.read_text(encoding="utf-8-sig", errors="replace").split()):
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


LAYOUTS: dict[LayoutName, Layout] = {
    "pairs": Layout(lambda root, split: own_pairs(root)),
    "msrs": Layout(msrs, STREET_NAMES),
    "fmb": Layout(fmb, FMB_NAMES),
    "pst900": Layout(pst900, PST900_NAMES),
    "mfnet": Layout(mfnet, STREET_NAMES),
}
