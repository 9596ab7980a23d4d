from pathlib import Path

import cv2
import numpy as np
import pytest

from mtvif_ros.recordings.pair_folder import load_mask, load_pair
from training.config import LayoutName
from training.data.layouts import LAYOUTS

TREES = {
    "msrs": ("train/vi/1.png", "train/ir/1.png", "train/Segmentation_labels/1.png"),
    "fmb": ("train/Visible/1.png", "train/Infrared/1.png", "train/Label/1.png"),
    "pst900": ("train/rgb/1.png", "train/thermal/1.png", "train/labels/1.png"),
    "pairs": ("vi/1.png", "ir/1.png", "labels/1.png"),
}


def write(path: Path, pixels: np.ndarray) -> None:  # type: ignore[type-arg]
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels)


@pytest.mark.parametrize(
    ("layout", "theirs", "ours"),
    [
        ("msrs", [0, 1, 2, 3, 4, 8], [0, 1, 2, 3, 4, 8]),
        ("pairs", [0, 1, 2, 3, 255, 8], [0, 1, 2, 3, 255, 8]),
        ("fmb", [0, 1, 8, 9, 11, 13], [255, 0, 2, 1, 1, 3]),
        ("pst900", [0, 1, 2, 3, 4, 4], [0, 0, 0, 0, 2, 2]),
    ],
)
def test_an_official_tree_is_read_into_our_classes(
    layout: LayoutName, theirs: list[int], ours: list[int], tmp_path: Path
) -> None:
    visible, infrared, mask = TREES[layout]
    rgb = np.full((4, 6, 3), (10, 20, 30), np.uint8)
    write(tmp_path / visible, rgb[..., ::-1])
    write(tmp_path / infrared, np.full((4, 6), 7, np.uint8))
    write(tmp_path / mask, np.tile(np.array(theirs, np.uint8), (4, 1)))
    (files,) = LAYOUTS[layout](tmp_path, "train")
    seen, ir = load_pair(files)
    labels = load_mask(files, ir)
    assert seen[0, 0].tolist() == [10, 20, 30] and ir[0, 0] == 7
    assert labels is not None and labels[0].tolist() == ours


def test_mfnets_four_channels_are_split(tmp_path: Path) -> None:
    write(tmp_path / "images/00001D.png", np.full((4, 6, 4), (30, 20, 10, 7), np.uint8))
    write(tmp_path / "labels/00001D.png", np.full((4, 6), 2, np.uint8))
    (tmp_path / "train.txt").write_text("00001D\n")
    (files,) = LAYOUTS["mfnet"](tmp_path, "train")
    rgb, ir = load_pair(files)
    assert rgb[0, 0].tolist() == [10, 20, 30] and ir[0, 0] == 7
    (tmp_path / "train.txt").write_text("00001D\n00002N\n")
    with pytest.raises(FileNotFoundError, match=r"00002N\.png: is in .*train\.txt"):
        LAYOUTS["mfnet"](tmp_path, "train")


def test_a_class_that_a_layout_does_not_know_is_named(tmp_path: Path) -> None:
    visible, infrared, mask = TREES["fmb"]
    for path, pixels in ((visible, np.zeros((4, 6, 3))), (infrared, np.zeros((4, 6)))):
        write(tmp_path / path, pixels.astype(np.uint8))
    write(tmp_path / mask, np.full((4, 6), 99, np.uint8))
    (files,) = LAYOUTS["fmb"](tmp_path, "train")
    with pytest.raises(ValueError, match=r"Label/1\.png: values \[99\]"):
        load_mask(files, np.zeros((4, 6), np.uint8))
