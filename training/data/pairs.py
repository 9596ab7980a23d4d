"""Read folders of aligned visible and infrared frames with optional masks and boxes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from training.data.allowed import ALL_CLASSES, allowed_from_boxes, allowed_from_mask

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class PairFiles:
    """Hold the paths of one pair; `mask` and `boxes` are None where the folder has none."""

    name: str
    visible: Path
    infrared: Path
    mask: Path | None
    boxes: Path | None


@dataclass(frozen=True)
class Sample:
    """Hold one pair in memory.

    rgb: (H, W, 3) uint8, R G B. ir: (H, W) uint8. allowed: (H, W) uint16, see training.data.allowed.
    """

    name: str
    rgb: Image
    ir: Image
    allowed: npt.NDArray[np.uint16]


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


def load_sample(files: PairFiles) -> Sample:
    """Read a pair and what is known of its classes.

    A mask outranks boxes; with neither, every class is allowed everywhere. Raises ValueError naming
    the file when it cannot be decoded or its size differs from the visible frame's.
    """
    rgb = cv2.cvtColor(_decode(files.visible, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    ir = _decode(files.infrared, cv2.IMREAD_GRAYSCALE)
    size = rgb.shape[:2]
    _check_size(files.infrared, ir.shape, size)
    if files.mask is not None:
        mask = _decode(files.mask, cv2.IMREAD_UNCHANGED)
        _check_size(files.mask, mask.shape, size)
        allowed = allowed_from_mask(mask)
    elif files.boxes is not None:
        allowed = allowed_from_boxes(read_boxes(files.boxes), size)
    else:
        allowed = np.full(size, ALL_CLASSES, np.uint16)
    return Sample(files.name, np.asarray(rgb, np.uint8), ir, allowed)


def read_boxes(path: Path) -> npt.NDArray[np.float32]:
    """Return an (N, 5) array of `class x_centre y_centre width height`, sizes in 0..1 (YOLO form).

    Raises ValueError naming the file when a line has not five numbers.
    """
    rows = [line.split() for line in path.read_text().splitlines() if line.strip()]
    try:
        return np.array(rows, np.float32).reshape(len(rows), 5)
    except ValueError as error:
        raise ValueError(
            f"{path}: every line must be `class x_centre y_centre width height`"
        ) from error


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


def _check_size(path: Path, shape: tuple[int, ...], size: tuple[int, ...]) -> None:
    if shape != size:
        raise ValueError(f"{path}: is {shape}, but the visible frame is {size} (height, width)")
