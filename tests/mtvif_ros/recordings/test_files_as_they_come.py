"""Folders of images and videos as users have them: read as they are meant, or refused by name."""

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from mtvif_ros.imaging.codec import read_grey
from mtvif_ros.recordings.clip import read_clip
from mtvif_ros.recordings.make_bag import main as make_bag
from mtvif_ros.recordings.pair_folder import find_pairs, load_pair
from mtvif_ros.recordings.reader import BagReader
from mtvif_ros.recordings.writer import IR_TOPIC

RAW = (7000 + np.arange(48 * 64).reshape(48, 64) // 10).astype(np.uint16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pairs with infrared of 16 bits, the second 50 counts warmer; masks and boxes."""
    root = tmp_path / "pairs"
    for name in ("vi", "ir", "labels", "boxes"):
        (root / name).mkdir(parents=True)
    for number in range(2):
        cv2.imwrite(str(root / f"vi/{number}.jpg"), np.full((48, 64, 3), 90, np.uint8))
        cv2.imwrite(str(root / f"ir/{number}.tiff"), RAW + np.uint16(50 * number))
        cv2.imwrite(str(root / f"labels/{number}.png"), np.full((48, 64), 2, np.uint8))
        (root / f"boxes/{number}.txt").touch()
    return root


def test_infrared_of_sixteen_bits_is_scaled_by_its_own_range_or_a_clips(folder: Path) -> None:
    pairs = [load_pair(files)[1] for files in find_pairs(folder)]
    assert all(len(np.unique(ir)) > 200 for ir in pairs) and np.array_equal(pairs[0], pairs[1])
    clip = [ir for _, ir in read_clip(folder / "vi", folder / "ir").frames]
    assert np.array_equal(clip[0], pairs[0]) and clip[1].mean() > clip[0].mean() + 10


def test_infrared_of_sixteen_bits_stays_so_in_a_bag(folder: Path, tmp_path: Path) -> None:
    make_bag(["--pairs", str(folder), "--out", str(tmp_path / "bag")])
    with BagReader(tmp_path / "bag", (IR_TOPIC,)) as reader:
        frames = [read_grey(record.message()) for record in reader.records()]
    assert frames[0].tolist() == RAW.tolist() and frames[1].tolist() == (RAW + 50).tolist()


def test_no_part_of_a_bag_stays_where_a_file_cannot_be_read(folder: Path, tmp_path: Path) -> None:
    (folder / "vi/1.jpg").write_bytes(b"")
    with pytest.raises(SystemExit, match="1"):
        make_bag(["--pairs", str(folder), "--out", str(tmp_path / "bag")])
    assert not (tmp_path / "bag").exists()


def lost(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.symlink_to("unmounted")


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda root: (root / "vi/2.jpg").symlink_to("gone.jpg"), r"vi/2\.jpg: is a link to gone\.jpg"),
        (lambda root: (root / "ir/0.png").touch(), r"ir/0\.tiff: has the name of 0\.png"),
        (lambda root: (root / "vi/more").mkdir(), r"vi/more: expected only"),
        (lambda root: (root / "labels/0.jpg").touch(), r"labels/0\.jpg: expected only \.png"),
        (lambda root: (root / "labels/2.png").touch(), r"labels/2\.png: lacks a partner"),
        (lambda root: lost(root / "labels"), "labels: is no folder, or a link to none"),
    ],
)
def test_what_would_vanish_from_a_folder_is_named(
    damage: Callable[[Path], object], named: str, folder: Path
) -> None:
    damage(folder)
    (folder / "boxes/9.txt").touch()
    with pytest.raises(FileNotFoundError, match=rf"(?s){named}.*boxes/9\.txt: lacks a partner"):
        find_pairs(folder)


@pytest.mark.parametrize("splits", [("labels/train", "labels/val"), ("labels/train", "obj_valid_data")])
def test_boxes_of_several_splits_are_refused(splits: tuple[str, str], folder: Path) -> None:
    shutil.rmtree(folder / "labels")
    for number, split in enumerate(splits):
        (folder / split).mkdir(parents=True)
        (folder / f"{split}/{number}.txt").touch()
    with pytest.raises(ValueError, match=rf"boxes lie in {', '.join(splits)}; give each split a folder"):
        find_pairs(folder)


def test_masks_beside_a_folder_of_boxes_are_kept(folder: Path) -> None:
    (folder / "boxes").rename(folder / "labels/train")
    assert all(files.mask and files.boxes for files in find_pairs(folder))
    for mask in folder.glob("labels/*.png"):
        mask.rename(mask.with_suffix(".cache"))  # as YOLO leaves one
    assert all(files.mask is None and files.boxes for files in find_pairs(folder))


def test_infrared_in_false_colours_is_told_once(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(2):
        jet = cv2.applyColorMap((RAW - 7000).astype(np.uint8), cv2.COLORMAP_JET)
        cv2.imwrite(str(folder / f"ir/{number}.tiff"), jet)
    make_bag(["--pairs", str(folder), "--out", str(tmp_path / "bag")])
    (told,) = caplog.messages
    assert told.startswith(f"{folder / 'ir'}: infrared comes in colours")


def test_labelimgs_list_of_classes_is_no_frames(folder: Path) -> None:
    (folder / "boxes/classes.txt").write_text("person\nbike\ncar\n")
    assert [files.name for files in find_pairs(folder)] == ["0", "1"]
