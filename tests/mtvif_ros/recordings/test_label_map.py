from pathlib import Path

import cv2
import numpy as np
import pytest

from mtvif_ros.image import Image
from mtvif_ros.recordings.label_map import read_colour_mask, read_label_map
from mtvif_ros.recordings.pair_folder import find_pairs, load_mask

CVAT = """# label:color_rgb:parts:actions
forklift:250,50,83::
background:0,0,0::
ignore:224,224,192::
pallet:102,255,102:wheel,fork:
"""


def write(path: Path, pixels: Image) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels[..., ::-1] if pixels.ndim == 3 else pixels)
    return path


def colours(*row: tuple[int, int, int]) -> Image:
    return np.array([row], np.uint8)


def listing(folder: Path, text: str = CVAT) -> Path:
    (folder / "labelmap.txt").write_text(text, encoding="utf-8")
    return folder / "labelmap.txt"


def test_a_label_map_lists_classes_and_colours_with_background_first(tmp_path: Path) -> None:
    listed = read_label_map(listing(tmp_path, "\ufeff" + CVAT.replace("\n", "\r\n")))
    assert listed.names == ("background", "forklift", "pallet")
    assert listed.colours == ((0, 0, 0), (250, 50, 83), (102, 255, 102))
    assert read_label_map(listing(tmp_path, "pallet:1,2,3::")).names == ("background", "pallet")


def test_colours_become_classes(tmp_path: Path) -> None:
    listed = read_label_map(listing(tmp_path))
    mask = write(tmp_path / "1.png", colours((102, 255, 102), (0, 0, 0), (250, 50, 83), (224, 224, 192)))
    assert read_colour_mask(mask, listed).tolist() == [[2, 0, 1, 255]]
    grey = write(tmp_path / "2.png", np.array([[0, 1, 2, 3]], np.uint8))
    assert read_colour_mask(grey, listed).tolist() == [[1, 0, 255, 2]], "grey numbers the lines"


def test_a_colour_that_the_label_map_lacks_is_named_with_its_place(tmp_path: Path) -> None:
    listed = read_label_map(listing(tmp_path))
    mask = write(tmp_path / "1.png", colours((0, 0, 0), (9, 8, 7), (9, 8, 7)))
    told = (
        r"1\.png: labelmap\.txt lacks the colour 9,8,7 \(2 pixels, the first at row 0, column 1\); add `NAME"
    )
    with pytest.raises(ValueError, match=told):
        read_colour_mask(mask, listed)
    with pytest.raises(ValueError, match=r"2\.png: value 4 is no line of labelmap\.txt, which has 4"):
        read_colour_mask(write(tmp_path / "2.png", np.array([[4]], np.uint8)), listed)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("pallet", "must be NAME:R,G,B::"),
        ("pallet:1,2::", "must be NAME:R,G,B::"),
        ("pallet:1,2,256::", "with a colour of 0 to 255"),
        (":1,2,3::", "must be NAME:R,G,B::"),
        ("forklift:1,2,3::", "repeats the name of an earlier line"),
        ("pallet:250,50,83::", "has the colour of an earlier line"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(line: str, problem: str, tmp_path: Path) -> None:
    path = listing(tmp_path, f"forklift:250,50,83::\n{line}\nother:what::")
    with pytest.raises(ValueError, match=rf"labelmap\.txt: line 2, '{line}': .*{problem}.*; line 3, "):
        read_label_map(path)


def test_pairs_are_found_with_colour_masks(tmp_path: Path) -> None:
    for folder in ("vi", "ir"):
        write(tmp_path / folder / "1.png", np.zeros((1, 2), np.uint8))
    with pytest.raises(ValueError, match=r"lists no class; write a line"):
        listing(tmp_path, "# label:color_rgb:parts:actions\n")
        find_pairs(tmp_path)
    listing(tmp_path)
    with pytest.raises(FileNotFoundError, match="SegmentationClass: no such folder, but labelmap"):
        find_pairs(tmp_path)
    write(tmp_path / "SegmentationClass/1.png", colours((0, 0, 0), (250, 50, 83)))
    (files,) = find_pairs(tmp_path)
    mask = load_mask(files, np.zeros((1, 2), np.uint8))
    assert mask is not None and mask.tolist() == [[0, 1]]
    write(tmp_path / "labels/1.png", np.zeros((1, 2), np.uint8))
    with pytest.raises(ValueError, match=r"has masks in labels/ and a labelmap\.txt; keep one"):
        find_pairs(tmp_path)
