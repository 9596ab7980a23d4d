"""List the pairs of published data sets as distributed; docs/reference/files.md shows the folder trees.

`names` are the classes of a data set, by the value in its masks.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from mtvif_ros.classes import STREET_NAMES
from mtvif_ros.recordings.pair_folder import PairFiles, find_pairs, pair_folders
from training.config import LayoutName

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
    """List MSRS: SPLIT/vi, SPLIT/ir, SPLIT/Segmentation_labels."""
    base = root / split
    return pair_folders(base / "vi", base / "ir", base / "Segmentation_labels")


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

    Raises FileNotFoundError naming the list or the first image that is missing.
    """
    listing = root / f"{split}.txt"
    if not listing.is_file():
        raise FileNotFoundError(f"{listing}: no such file; MFNet lists the names of a split there")
    pairs = []
    for name in listing.read_text().split():
        image, mask = root / "images" / f"{name}.png", root / "labels" / f"{name}.png"
        for path in (image, mask):
            if not path.is_file():
                raise FileNotFoundError(f"{path}: is in {listing} but does not exist")
        pairs.append(PairFiles(name, image, image, mask, None))
    return pairs


LAYOUTS: dict[LayoutName, Layout] = {
    "pairs": Layout(lambda root, split: find_pairs(root)),
    "msrs": Layout(msrs, STREET_NAMES),
    "fmb": Layout(fmb, FMB_NAMES),
    "pst900": Layout(pst900, PST900_NAMES),
    "mfnet": Layout(mfnet, STREET_NAMES),
}
