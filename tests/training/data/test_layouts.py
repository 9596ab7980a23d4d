from pathlib import Path

import cv2
import numpy as np
import pytest

from mtvif_ros.classes import STREET_NAMES
from mtvif_ros.recordings.pair_folder import load_mask, load_pair
from tests.training import tiny
from training.config import LayoutName, PairSource, check
from training.data.boxes import read_boxes
from training.data.classes import names_of
from training.data.layouts import LAYOUTS
from training.data.selection import select_pairs

TREES = {
    "msrs": ("train/vi/1.png", "train/ir/1.png", "train/Segmentation_labels/1.png"),
    "fmb": ("train/Visible/1.png", "train/Infrared/1.png", "train/Label/1.png"),
    "pst900": ("train/rgb/1.png", "train/thermal/1.png", "train/labels/1.png"),
    "pairs": ("vi/1.png", "ir/1.png", "labels/1.png"),
}


def write(path: Path, pixels: np.ndarray) -> None:  # type: ignore[type-arg]
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels)


TO_STREET = {
    **dict.fromkeys(("road", "sidewalk", "building", "traffic_lamp", "traffic_sign"), "background"),
    **dict.fromkeys(("vegetation", "sky", "pole"), "background"),
    **dict.fromkeys(("truck", "bus"), "car"),
    **dict.fromkeys(("motorcycle", "bicycle"), "bike"),
}
TOOLS = dict.fromkeys(("fire_extinguisher", "backpack", "hand_drill"), "ignore") | {"survivor": "person"}


@pytest.mark.parametrize(
    ("layout", "names", "renamed", "theirs", "ours"),
    [
        ("msrs", STREET_NAMES, {}, [0, 1, 2, 3, 4, 8], [0, 1, 2, 3, 4, 8]),
        ("pairs", STREET_NAMES, {}, [0, 1, 2, 3, 255, 8], [0, 1, 2, 3, 255, 8]),
        ("fmb", None, {}, [0, 1, 2, 8, 9, 14], [255, 0, 1, 7, 8, 13]),
        ("fmb", STREET_NAMES, TO_STREET, [0, 1, 8, 9, 11, 13], [255, 0, 2, 1, 1, 3]),
        ("pst900", None, {}, [0, 1, 2, 3, 4, 255], [0, 1, 2, 3, 4, 255]),
        ("pst900", ("background", "person"), TOOLS, [0, 1, 2, 3, 4, 4], [0, 255, 255, 255, 1, 1]),
    ],
)
def test_an_official_tree_is_read_into_the_models_classes(
    layout: LayoutName,
    names: tuple[str, ...] | None,
    renamed: dict[str, str],
    theirs: list[int],
    ours: list[int],
    tmp_path: Path,
) -> None:
    visible, infrared, mask = TREES[layout]
    rgb = np.full((4, 6, 3), (10, 20, 30), np.uint8)
    write(tmp_path / visible, rgb[..., ::-1])
    write(tmp_path / infrared, np.full((4, 6), 7, np.uint8))
    write(tmp_path / mask, np.tile(np.array(theirs, np.uint8), (4, 1)))
    source = PairSource(path=".", layout=layout, map=renamed, share=1.0)
    own = names or names_of(tiny.config(sources=[{"path": ".", "layout": layout, "share": 1.0}]))
    (files,) = select_pairs(source, tmp_path, own)
    seen, ir = load_pair(files)
    labels = load_mask(files, ir)
    assert seen[0, 0].tolist() == [10, 20, 30] and ir[0, 0] == 7
    assert labels is not None and labels[0].tolist() == ours


@pytest.mark.parametrize("source", [{"layout": "msrs", "split": "detection"}, {"path": "detection"}])
def test_msrs_own_boxes_are_read(source: dict[str, str], tmp_path: Path) -> None:
    for folder in ("vi", "ir"):
        write(tmp_path / f"detection/{folder}/1.png", np.zeros((48, 64), np.uint8))
    (tmp_path / "detection/labels").mkdir()
    (tmp_path / "detection/labels/1.txt").write_text("2 0.221094 0.493750 0.117188 0.170833\n")
    selection = check(PairSource, {"path": ".", "share": 1.0} | source, "test")
    (files,) = select_pairs(selection, tmp_path, STREET_NAMES)
    boxes = read_boxes(files, STREET_NAMES)
    assert files.mask is None and boxes is not None and boxes.indices == (STREET_NAMES.index("car"),)


def test_mfnets_four_channels_are_split(tmp_path: Path) -> None:
    write(tmp_path / "images/00001D.png", np.full((4, 6, 4), (30, 20, 10, 7), np.uint8))
    write(tmp_path / "labels/00001D.png", np.full((4, 6), 2, np.uint8))
    (tmp_path / "train.txt").write_text("00001D\n")
    (files,) = LAYOUTS["mfnet"].list(tmp_path, "train")
    rgb, ir = load_pair(files)
    assert rgb[0, 0].tolist() == [10, 20, 30] and ir[0, 0] == 7
    (tmp_path / "train.txt").write_text("00001D\n00002N\n")
    with pytest.raises(FileNotFoundError, match=r"00002N\.png: is in .*train\.txt"):
        LAYOUTS["mfnet"].list(tmp_path, "train")


def test_a_value_that_a_layout_does_not_know_is_named(tmp_path: Path) -> None:
    visible, infrared, mask = TREES["fmb"]
    for path, pixels in ((visible, np.zeros((4, 6, 3))), (infrared, np.zeros((4, 6)))):
        write(tmp_path / path, pixels.astype(np.uint8))
    write(tmp_path / mask, np.full((4, 6), 99, np.uint8))
    source = PairSource(path=".", layout="fmb", map=TO_STREET, share=1.0)
    (files,) = select_pairs(source, tmp_path, STREET_NAMES)
    with pytest.raises(ValueError, match=r"Label/1\.png: values \[99\]"):
        load_mask(files, np.zeros((4, 6), np.uint8))
