"""One's own folder with labels in every form: read, and its classes taken, by `training.check`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from mtvif_ros.imaging.thermal import ThermalScaler
from tests.training import tiny
from training.check import main
from training.config import Config, PairSelection, check
from training.data.allowed import ClassSets
from training.data.boxes import read_boxes
from training.data.classes import classes_of, names_of, with_own_classes
from training.data.pairs import load_labels, load_sample
from training.data.selection import pairs_below, select_pairs
from training.train import train

SIZE = (48, 64)
CONFIG = check(Config, tiny.plain_config(sources=[{"path": "set", "share": 1.0}]), "test")
SQUARE = [0, 0, 16, 0, 16, 16, 0, 16]
MAP = "crate:250,50,83::\nbackground:0,0,0::\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "set"
    for folder in ("vi", "ir"):
        (root / folder).mkdir(parents=True)
    rng = np.random.default_rng(1)
    for number in range(2):
        cv2.imwrite(str(root / f"vi/{number}.jpg"), rng.integers(0, 255, (*SIZE, 3), np.uint8))
        cv2.imwrite(str(root / f"ir/{number}.png"), rng.integers(0, 255, SIZE, np.uint8))
    (tmp_path / "config.yaml").write_text(
        yaml.safe_dump(tiny.plain_config(sources=[{"path": "set", "share": 1}]))
    )
    return tmp_path


def write_cvat(root: Path, text: str = MAP, size: tuple[int, int] = SIZE) -> None:
    (root / "SegmentationClass").mkdir()
    (root / "labelmap.txt").write_text(text)
    mask = np.zeros((*size, 3), np.uint8)
    mask[:16, :16] = (83, 50, 250)
    cv2.imwrite(str(root / "SegmentationClass/0.png"), mask)


def coco(**more: Any) -> dict[str, Any]:
    return {
        "images": [
            {"id": number, "file_name": f"{number}.jpg", "width": SIZE[1], "height": SIZE[0]}
            for number in range(2)
        ],
        "categories": [{"id": 1, "name": "crate"}],
        "annotations": [{"id": 1, "image_id": 0, "category_id": 1, "segmentation": [SQUARE], "iscrowd": 0}],
    } | more


def write_coco(root: Path, **more: Any) -> None:
    (root / "annotations").mkdir()
    (root / "annotations/instances_default.json").write_text(json.dumps(coco(**more)))


def write_yolo(root: Path, line: str = "0 0.125 0.1666 0.25 0.3333", names: str = "[crate]") -> None:
    (root / "labels/train").mkdir(parents=True)
    (root / "data.yaml").write_text(f"path: .\nnames: {names}\n")
    (root / "labels/train/0.txt").write_text(f"{line}\n")


def two(first: Callable[[Path], None], second: Callable[[Path], None]) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        first(root)
        second(root)

    return write


def checked(data: Path, capsys: pytest.CaptureFixture[str]) -> str:
    main(["--config", str(data / "config.yaml"), "--data", str(data)])
    return capsys.readouterr().out


def told(data: Path, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit):
        main(["--config", str(data / "config.yaml"), "--data", str(data)])
    return capsys.readouterr().err


@pytest.mark.parametrize("write", [write_cvat, write_coco])
def test_masks_are_read_with_the_classes_that_they_list(
    write: Callable[[Path], None], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(data / "set")
    config = with_own_classes(CONFIG, data)
    assert names_of(config) == ("background", "crate")
    labelled, other = pairs_below(data / "set", names_of(config))
    mask = load_labels(labelled, np.zeros(SIZE, np.uint8), names_of(config))
    assert other.mask is None
    assert mask is not None and mask.sum() == mask[:16, :16].sum() == 256
    assert "2 samples, 50% of pixels labelled: background 45.83% crate 4.17%" in checked(data, capsys)


def test_the_colours_of_a_label_map_are_the_models(data: Path) -> None:
    write_cvat(data / "set")
    assert [one.rgb for one in classes_of(with_own_classes(CONFIG, data))] == [(0, 0, 0), (250, 50, 83)]


def test_a_training_keeps_the_names_and_colours_and_resumes_with_them(data: Path) -> None:
    write_cvat(data / "set")
    for _ in range(2):
        network = train(CONFIG, data, data / "run")
        assert [tuple(one) for one in network.classes] == [
            ("background", (0, 0, 0)),
            ("crate", (250, 50, 83)),
        ]


@pytest.mark.parametrize("names", ["[crate]", "{0: crate}"])
def test_boxes_are_read_with_the_names_of_their_data_yaml(
    names: str, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_yolo(data / "set", names=names)
    assert names_of(with_own_classes(CONFIG, data)) == ("background", "crate")
    printed = checked(data, capsys)
    assert "background 45.83% crate 0.39%" in printed


@pytest.mark.parametrize(
    ("folder", "listing"),
    [("boxes", "obj.names"), ("boxes", "boxes/classes.txt"), ("obj_train_data", "obj.names")],
)
def test_boxes_are_read_with_the_names_that_lie_beside_them(folder: str, listing: str, data: Path) -> None:
    (data / "set" / folder).mkdir()
    (data / "set" / folder / "0.txt").write_text("1 0.5 0.5 0.5 0.5\n")
    (data / "set" / listing).write_text("car\nPerson\n\n")
    names = names_of(with_own_classes(CONFIG, data))
    assert names == ("background", "car", "Person")
    boxes = read_boxes(pairs_below(data / "set", names)[0], names)
    assert boxes is not None and boxes.indices == (2,) and boxes.boxed == {1, 2}


def test_names_of_boxes_that_lie_beside_them_twice_must_agree(data: Path) -> None:
    write_yolo(data / "set", names="[Crate, box]")
    (data / "set/labels/train/classes.txt").write_text("crate\nbox\npallet\n")
    assert pairs_below(data / "set", ("background", "Crate", "box"))[0].box_names == ("Crate", "box")
    (data / "set/obj.names").write_text("box\ncrate\n")
    with pytest.raises(
        ValueError, match=r"obj\.names: class 0 is box, but Crate in .*data\.yaml; correct or remove"
    ):
        pairs_below(data / "set", ("background", "Crate", "box"))


@pytest.mark.parametrize(("text", "told"), [("a\n\nb", "has an empty line"), ("a\na", "names a twice")])
def test_lines_that_are_no_names_are_refused(text: str, told: str, data: Path) -> None:
    (data / "set/obj.names").write_text(text)
    with pytest.raises(ValueError, match=rf"obj\.names: {told}"):
        pairs_below(data / "set", ("background", "a"))


def test_masks_of_one_form_and_boxes_of_another_go_together(data: Path) -> None:
    write_cvat(data / "set")
    write_yolo(data / "set")
    first, _ = pairs_below(data / "set", ("background", "crate"))
    assert first.mask is not None and first.boxes is not None and first.box_names == ("crate",)


def test_classes_of_the_config_come_first_and_a_map_renames(data: Path) -> None:
    write_cvat(data / "set")
    own = tiny.plain_config(sources=[{"path": "set", "share": 1.0, "map": {"crate": "box"}}])
    renamed = with_own_classes(check(Config, own, "test"), data)
    assert dict(renamed.classes) == {"background": "#000000", "box": "#fa3253"}
    given = check(Config, own | {"classes": ["box", "background"]}, "test")
    assert with_own_classes(given, data) is given
    (files, _) = select_pairs(PairSelection(path="set", map={"crate": "box"}), data, names_of(given))
    assert files.mask_values == {0: 1, 1: 0, 255: 255}
    with pytest.raises(ValueError, match=r"set: its classes crate are not among the model's .*; rename each"):
        select_pairs(PairSelection(path="set"), data, ("background", "box"))
    with pytest.raises(
        ValueError, match=r"names is a, b, but its labels list background, crate; remove names"
    ):
        select_pairs(PairSelection(path="set", names=("a", "b")), data, ("background", "crate"))


def test_infrared_of_16_bits_and_floats_is_scaled_as_in_the_node(data: Path) -> None:
    ramp = np.tile(np.linspace(290, 310, SIZE[1], dtype=np.float32), (SIZE[0], 1))
    (data / "set/ir/0.png").unlink()
    cv2.imwrite(str(data / "set/ir/0.tiff"), ramp)
    cv2.imwrite(str(data / "set/ir/1.png"), (ramp * 100).astype(np.uint16))
    for files in pairs_below(data / "set", ("a", "b")):
        ir = load_sample(files, ClassSets(("a", "b"))).ir
        assert np.abs(ir.astype(int) - ThermalScaler()(ramp * 100)).max() <= 1 and np.ptp(ir) == 255


@pytest.mark.parametrize(
    ("write", "named"),
    [
        (
            lambda root: write_cvat(root, "person:1,2,3::"),
            "SegmentationClass/0.png: labelmap.txt lacks the colour 250",
        ),
        (lambda root: write_cvat(root, "crate"), "labelmap.txt: line 1, 'crate': must be NAME"),
        (lambda root: write_cvat(root, size=(24, 32)), "SegmentationClass/0.png: is (24, 32), expected"),
        (
            lambda root: write_coco(
                root, images=coco()["images"] + [coco()["images"][0] | {"id": 5, "file_name": "x.jpg"}]
            ),
            "no frame in vi/ has the name of its images x;",
        ),
        (
            lambda root: write_coco(root, images=[coco()["images"][0] | {"width": 99}]),
            "instances_default.json: 0 is (48, 99), expected",
        ),
        (
            lambda root: write_coco(
                root, annotations=[coco()["annotations"][0] | {"segmentation": [[0, 0, 99, 0, 0, 9]]}]
            ),
            "annotation 1 of '0': point 99, 0 lies outside of 64x48",
        ),
        (lambda root: write_coco(root, categories=[]), "annotation 1: category_id 1 is not among"),
        (two(write_coco, write_cvat), "has masks in SegmentationClass/ and COCO"),
        (
            lambda root: write_yolo(root, "0 0.5 0.5 0.2"),
            "labels/train/0.txt: line 1, '0 0.5 0.5 0.2': must be",
        ),
        (
            lambda root: write_yolo(root, "1 0.5 0.5 0.2 0.2"),
            "line 1, '1 0.5 0.5 0.2 0.2': class must be 0 to 0",
        ),
        (lambda root: write_yolo(root, names="{1: crate}"), "data.yaml: names have the numbers [1]"),
        (
            two(write_yolo, lambda root: (root / "labels/train/7.txt").touch()),
            "labels/train/7.txt: lacks a partner",
        ),
    ],
)
def test_labels_that_cannot_be_read_are_named_before_training(
    write: Callable[[Path], None], named: str, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(data / "set")
    assert named in told(data, capsys)
