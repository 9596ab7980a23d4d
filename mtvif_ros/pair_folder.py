"""Read a folder of aligned visible and infrared frames with optional masks and boxes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class PairFiles:
    """Hold the paths of one pair; `mask` and `boxes` are None where the folder has none."""

    name: str
    visible: Path
    infrared: Path
    mask: Path | None
    boxes: Path | None


def find_pairs(root: Path) -> list[PairFiles]:
    """List the pairs under `root`: `vi/NAME.*`, `ir/NAME.*`, `labels/NAME.png`, `boxes/NAME.txt`.

    Raises FileNotFoundError when a folder is missing, empty, or a frame lacks its partner.
    """
    visible, infrared = _by_stem(root / "vi"), _by_stem(root / "ir")
    alone = sorted(visible.keys() ^ infrared.keys())
    if alone:
        raise FileNotFoundError(
            f"{root}: frames without a partner of the same name in vi/ or ir/: "
            + ", ".join(alone[:10])
            + (f" and {len(alone) - 10} more" if len(alone) > 10 else "")
        )
    return [
        PairFiles(
            name,
            visible[name],
            infrared[name],
            _if_file(root / "labels" / f"{name}.png"),
            _if_file(root / "boxes" / f"{name}.txt"),
        )
        for name in sorted(visible)
    ]


def load_pair(files: PairFiles) -> tuple[Image, Image]:
    """Read rgb (H, W, 3) R, G, B and ir (H, W), both uint8.

    Raises ValueError naming the file when it cannot be decoded or the sizes differ.
    """
    bgr = _decode(files.visible, cv2.IMREAD_COLOR)
    ir = _decode(files.infrared, cv2.IMREAD_GRAYSCALE)
    _check_size(files.infrared, ir, bgr)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8), ir


def load_mask(files: PairFiles, like: Image) -> Image | None:
    """Read the (H, W) class mask of a pair, None where there is none.

    Raises ValueError naming the file when it cannot be decoded or has not the size of `like`.
    """
    if files.mask is None:
        return None
    mask = _decode(files.mask, cv2.IMREAD_UNCHANGED)
    _check_size(files.mask, mask, like)
    return mask


def _by_stem(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; a data set has vi/ and ir/ side by side")
    found = {path.stem: path for path in folder.iterdir() if path.is_file()}
    if not found:
        raise FileNotFoundError(f"{folder}: the folder is empty")
    return found


def _if_file(path: Path) -> Path | None:
    return path if path.is_file() else None


def _decode(path: Path, flag: int) -> Image:
    image = cv2.imread(str(path), flag)
    if image is None:
        raise ValueError(f"{path}: not an image that OpenCV can decode")
    return np.asarray(image, np.uint8)


def _check_size(path: Path, image: Image, like: Image) -> None:
    if image.ndim != 2 or image.shape != like.shape[:2]:
        raise ValueError(f"{path}: is {image.shape}, expected one plane of {like.shape[:2]}")
