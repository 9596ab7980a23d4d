"""Data sets as people and programs leave them: `training.check` names what cannot be used."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from mtvif_ros.classes import STREET_NAMES
from mtvif_ros.recordings.pair_folder import PairFiles
from tests.training import tiny
from training.check import main
from training.data.boxes import Boxes, read_boxes
from training.data.layouts import LAYOUTS

SIZE = (48, 64)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("vi", "ir", "labels", "boxes"):
        (tmp_path / "set" / name).mkdir(parents=True)
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"set/vi/{number}.jpg"), np.full((*SIZE, 3), 90, np.uint8))
        cv2.imwrite(str(tmp_path / f"set/ir/{number}.png"), np.full(SIZE, 90, np.uint8))
        cv2.imwrite(str(tmp_path / f"set/labels/{number}.png"), np.full(SIZE, 1, np.uint8))
        (tmp_path / f"set/boxes/{number}.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    config = tiny.plain_config(sources=[{"path": "set", "share": 1}])
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    return tmp_path


def told(data: Path, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["--config", str(data / "config.yaml"), "--data", str(data)])
    assert ended.value.code == 1
    return capsys.readouterr().err


def write(name: str, pixels: np.ndarray) -> Callable[[Path], object]:  # type: ignore[type-arg]
    return lambda root: cv2.imwrite(str(root / name), pixels)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda root: (root / "vi/1.jpg").write_bytes(b""), "vi/1.jpg: is empty"),
        (lambda root: (root / "ir/1.png").write_bytes((root / "ir/1.png").read_bytes()[:-30]), "cut short"),
        (write("vi/1.jpg", np.zeros((*SIZE[::-1], 3), np.uint8)), "ir/1.png: is (48, 64), expected"),
        (write("labels/1.png", np.zeros((24, 32), np.uint8)), "labels/1.png: is (24, 32), expected"),
        (write("labels/1.png", np.zeros((*SIZE, 3), np.uint8)), "labels/1.png: is a PNG of 8-bit colours"),
        (write("labels/1.png", np.full(SIZE, 77, np.uint8)), "labels/1.png: values [77]"),
    ],
)
def test_the_check_names_it_beside_all_else(
    damage: Callable[[Path], object], named: str, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(data / "set")
    (data / "set/boxes/2.txt").write_text("0 0.5 0.5 0 0.5\n1 0.9 0.5 0.4 0.5")
    printed = told(data, capsys)
    assert "2 files cannot be used" in printed and named in printed
    assert "line 1, '0 0.5 0.5 0 0.5': has no size" in printed
    assert "line 2, '1 0.9 0.5 0.4 0.5': reaches beyond the edge" in printed


def test_the_check_reads_what_validates_too(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = yaml.safe_load((data / "config.yaml").read_text()) | {"validate": [{"path": "other"}]}
    (data / "config.yaml").write_text(yaml.safe_dump(config))
    assert "other/vi: no such folder" in told(data, capsys)


def boxes_of(folder: Path, text: str = "", *names: str) -> Boxes:
    (folder / "1.txt").write_text(text, "utf-8")
    files = PairFiles(
        "1", folder, folder, None, folder / "1.txt", box_names=names or ("person", "bike", "car")
    )
    boxes = read_boxes(files, STREET_NAMES)
    assert boxes is not None
    return boxes


def test_boxes_may_begin_with_a_byte_order_mark_and_end_a_thousandth_outside(tmp_path: Path) -> None:
    boxes = boxes_of(tmp_path, "\ufeff0 1.0005 0.5 0.0005 1.0005\r\n2 0.75 0.5 0.5004 0.2\r\n")
    assert [STREET_NAMES[index] for index, _ in boxes] == ["person", "car"] and boxes.places.max() == 1


@pytest.mark.parametrize("names", ["person\nbike\ncar\n", "\ufeffpedestrian\ncyclist\ncar\ntram"])
def test_labelimgs_list_of_classes_is_taken_in_the_sources_order(names: str, tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text(names, "utf-8")
    assert len(boxes_of(tmp_path)) == 0


def test_labelimgs_list_of_classes_is_refused_in_another_order(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("dog\nperson\ncar\n")
    with pytest.raises(ValueError, match=r"classes\.txt: person is class 1, expected 0; list"):
        boxes_of(tmp_path, "1 0.5 0.5 0.1 0.1")
    boxes = boxes_of(tmp_path, "1 0.5 0.5 0.1 0.1", "Dog", "person", "car")
    assert [STREET_NAMES[index] for index, _ in boxes] == ["person"]
    with pytest.raises(ValueError, match=r"classes\.txt: dog is class 0, expected 1; list"):
        boxes_of(tmp_path, "1 0.5 0.5 0.1 0.1", "Person", "Dog")


def test_mfnets_mirrored_names_are_named_with_the_remedy(tmp_path: Path) -> None:
    for folder, depth in (("images", 4), ("labels", 1)):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / "00001D.png"), np.zeros((4, 6, depth), np.uint8))
    (tmp_path / "train.txt").write_text("\ufeff00001D\n00001D_flip\n", "utf-8")
    with pytest.raises(
        FileNotFoundError, match=r"(?s)00001D_flip\.png: is in .*2 of these are .*sed -i /_flip/d"
    ):
        LAYOUTS["mfnet"].list(tmp_path, "train")
    (tmp_path / "train.txt").write_text("\ufeff00001D\n", "utf-8")
    assert [files.name for files in LAYOUTS["mfnet"].list(tmp_path, "train")] == ["00001D"]
