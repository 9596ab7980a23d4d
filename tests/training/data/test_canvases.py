import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch

from mtvif_ros.classes import STREET_NAMES
from tests.training import tiny
from tests.training.tiny import Taught
from training.config import Config, PairSource
from training.data.canvases import SIZE, Canvases, make_canvases, reserve

NOWHERE = Path("/nowhere")


def changed(config: Config, **train: object) -> Config:
    return replace(config, train=replace(config.train, **train))  # type: ignore[arg-type]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def copied(taught: Taught, tmp_path: Path) -> Path:
    return Path(shutil.copytree(taught.canvases, tmp_path / "copied"))


def test_a_canvas_holds_frames_classes_and_what_the_teacher_says(taught: Taught) -> None:
    arrays = {path.stem: np.load(path) for path in taught.canvases.glob("*.npy")}
    assert {name: array.shape for name, array in arrays.items()} == {
        "rgb": (3, 3, 480, 640),
        "ir": (3, 480, 640),
        "allowed": (3, 480, 640),
        "change": (3, 1, 480, 640),
        "probabilities": (3, 9, 240, 320),
        "stride8": (3, 40, 60, 80),
        "stride16": (3, 112, 30, 40),
        "stride32": (3, 192, 15, 20),
    }
    shown = [array for name, array in arrays.items() if name != "allowed"]
    assert all(array.any(axis=tuple(range(1, array.ndim))).all() for array in shown)
    sums = arrays["probabilities"].sum(1, np.int32)
    assert abs(sums - 255).max() <= 9  # each is rounded
    known = arrays["allowed"] == 0
    background = arrays["probabilities"][:, 0].repeat(2, 1).repeat(2, 2)
    assert background[known].mean() > 200


def test_making_them_goes_on_where_it_stopped(taught: Taught, copied: Path) -> None:
    kept = json.loads((copied / "canvases.json").read_text())
    assert kept["done"] == 3 and kept["classes"] == list(STREET_NAMES)
    (copied / "canvases.json").write_text(json.dumps(kept | {"done": 1}))
    for path in copied.glob("*.npy"):
        array = np.load(path, mmap_mode="r+")
        array[1:] = 0  # what a crash leaves of canvases that no manifest names
        array.flush()
    make_canvases(taught.config, NOWHERE, copied)
    assert files(copied) == files(taught.canvases)


def test_canvases_take_their_space_before_they_are_made(tmp_path: Path) -> None:
    """On a disk that fills up later, writing to a memory map would kill the process."""
    reserve({tmp_path / "rgb.npy": (np.uint8, (9, 480, 640))})
    told = (tmp_path / "rgb.npy").stat()
    assert told.st_blocks * 512 >= told.st_size > 9 * 480 * 640


def test_a_disk_without_space_for_canvases_is_told_and_left_as_it_was(taught: Taught, tmp_path: Path) -> None:
    told = r"c: the canvases need 0\.01 GB, File too large; make space, or lower train\.canvases"
    with tiny.full_disk(2_000_000), pytest.raises(OSError, match=told):
        make_canvases(taught.config, NOWHERE, tmp_path / "c")
    assert not any((tmp_path / "c").iterdir())


def test_a_full_disk_leaves_the_canvases_that_are_done(taught: Taught, copied: Path) -> None:
    kept = json.loads((copied / "canvases.json").read_text()) | {"done": 1}
    (copied / "canvases.json").write_text(json.dumps(kept))
    with tiny.full_disk(300), pytest.raises(OSError, match="too large"):
        make_canvases(taught.config, NOWHERE, copied)
    assert json.loads((copied / "canvases.json").read_text()) == kept


def test_a_damaged_list_of_canvases_is_named(taught: Taught, copied: Path) -> None:
    (copied / "canvases.json").write_text('{"key": "cut sho')
    with pytest.raises(ValueError, match=r"canvases\.json: is damaged; delete the folder"):
        make_canvases(taught.config, NOWHERE, copied)


def test_canvases_that_are_there_are_not_made_again(taught: Taught, copied: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in copied.iterdir()}
    make_canvases(taught.config, NOWHERE, copied)
    assert {path: path.stat().st_mtime_ns for path in copied.iterdir()} == before


def test_canvases_of_another_config_are_refused(taught: Taught, copied: Path) -> None:
    for other in (replace(taught.config, seed=2), changed(taught.config, canvases=4)):
        with pytest.raises(ValueError, match=r"copied: holds canvases of other sources.*delete the folder$"):
            make_canvases(other, NOWHERE, copied)
    make_canvases(changed(taught.config, steps=99, batch=7), NOWHERE, copied)


def test_canvases_of_data_that_have_changed_are_refused(taught: Taught, tmp_path: Path) -> None:
    root, out = tmp_path / "data" / "set", tmp_path / "out"
    for part, shape in (("vi", (96, 96, 3)), ("ir", (96, 96)), ("labels", (96, 96))):
        (root / part).mkdir(parents=True)
        for name in ("a", "b"):
            cv2.imwrite(str(root / part / f"{name}.png"), np.zeros(shape, np.uint8))
    config = changed(taught.config, sources=(PairSource(path="set", share=1.0),), canvases=1)
    for _ in range(2):
        make_canvases(config, tmp_path / "data", out)
    cv2.imwrite(str(root / "labels/b.png"), np.ones((96, 96), np.uint8))
    with pytest.raises(ValueError, match=r"out: holds canvases of .* seed or data; delete the folder$"):
        make_canvases(config, tmp_path / "data", out)
    shutil.rmtree(root)
    make_canvases(config, tmp_path / "data", out)  # all of them are made


def test_a_teacher_that_does_not_teach_is_named(taught: Taught, tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no network " * 20)
    for teacher, told in (
        (Path("models/mtvif_int8.onnx"), r"output change is missing, expected \(1, 480, 640\)"),
        (tmp_path / "text.onnx", r"text\.onnx is no ONNX file"),
    ):
        with pytest.raises(ValueError, match=f"^train.teacher: .*{told}"):
            make_canvases(changed(taught.config, teacher=teacher), NOWHERE, tmp_path / "out")
    with pytest.raises(FileNotFoundError, match=r"train\.teacher: no\.onnx does not exist"):
        make_canvases(changed(taught.config, teacher=Path("no.onnx")), NOWHERE, tmp_path / "out")


def test_only_a_teacher_of_the_same_classes_in_the_same_order_distils(taught: Taught, copied: Path) -> None:
    reordered = {name: None for name in reversed(STREET_NAMES)}
    street, other = taught.config, replace(taught.config, classes=reordered)
    told = (
        r"^train\.teacher: .* knows 9 classes \(.*\), this training has 9 \(.*; set loss\.distillation to 0$"
    )
    with pytest.raises(ValueError, match=told):
        make_canvases(other, NOWHERE, copied)
    with pytest.raises(ValueError, match="holds canvases of other"):  # its features teach all the same
        make_canvases(replace(other, loss=replace(other.loss, distillation=0)), NOWHERE, copied)

    assert street.train.teacher is not None
    teacher = onnx.load(street.train.teacher)
    teacher.metadata_props.add(key="classes", value=json.dumps(list(reordered)))
    onnx.save(teacher, copied / "teacher.onnx")
    with pytest.raises(ValueError, match="holds canvases of other"):
        make_canvases(changed(other, teacher=copied / "teacher.onnx"), NOWHERE, copied)
    with pytest.raises(ValueError, match=told):
        make_canvases(changed(street, teacher=copied / "teacher.onnx"), NOWHERE, copied)


def test_a_crop_larger_than_a_canvas_is_refused_before_any_is_made(taught: Taught, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"train\.crop is \[512, 640\], expected at most \[480, 640\]"):
        make_canvases(changed(taught.config, crop=(512, 640)), NOWHERE, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One canvas that tells everywhere where it is: row or column divided by four."""
    folder = tmp_path_factory.mktemp("marked")
    rows, columns = (one // 4 for one in np.mgrid[: SIZE[0], : SIZE[1]])
    for name, plane, kind in (
        ("rgb", columns[None], np.uint8),
        ("ir", rows, np.uint8),
        ("allowed", columns, np.uint16),
        ("change", rows[None], np.float16),
        ("probabilities", columns[None, ::2, ::2], np.uint8),
        ("stride8", columns[None, ::8, ::8], np.float16),
        ("stride16", columns[None, ::16, ::16], np.float16),
        ("stride32", columns[None, ::32, ::32], np.float16),
    ):
        np.save(folder / f"{name}.npy", plane[None].astype(kind))
    told = {"classes": [str(index) for index in range(255)], "sets": []}
    (folder / "canvases.json").write_text(json.dumps(told))
    return folder


def least_of_squares(plane: torch.Tensor, side: int) -> torch.Tensor:
    return -torch.nn.functional.max_pool2d(-plane[None], side)[0]


def test_all_parts_of_a_view_show_the_same_place_mirrored_or_not(marked: Path) -> None:
    views = Canvases(marked, (96, 128), seed=1, length=40)
    assert len(views) == 40
    corners, mirrored = set(), set()
    for index in (index for index in range(40) if index % 8 != 7):
        rgb, ir, allowed, said = views[index]
        column, row = (rgb * 255).round(), (ir * 255).round()
        assert rgb.shape == (1, 96, 128) and ir.shape == (1, 96, 128)
        assert allowed.dtype == torch.bool and torch.equal(allowed.sum(0), torch.ones(48, 64).long())
        assert torch.equal(allowed.float().argmax(0), column[0, ::2, ::2].long())
        assert torch.equal(said.change, row)
        assert torch.equal((said.probabilities * 255).round(), column[:, ::2, ::2])
        for features, stride in zip(said.features, (8, 16, 32), strict=True):
            assert torch.equal(features, least_of_squares(column, stride))
        corners.add((int(row.min()), int(column.min())))
        mirrored.add(bool(column[0, 0, 0] > column[0, 0, -1]))
    assert len(corners) > 20 and mirrored == {True, False}
    assert {corner % 8 for both in corners for corner in both} == {0}


def test_a_view_depends_on_its_number_and_the_seed_alone(marked: Path) -> None:
    first, second = (Canvases(marked, (64, 64), seed=1, length=40) for _ in range(2))
    other = Canvases(marked, (64, 64), seed=2, length=40)
    for index in (9, 3, 9, 15):
        for one, two in zip(first[index][:3], second[index][:3], strict=True):
            assert torch.equal(one, two)
    assert any(not torch.equal(first[index][2], other[index][2]) for index in range(8))


def test_every_eighth_view_lacks_a_camera_and_the_other_shows_all(marked: Path) -> None:
    views = Canvases(marked, (480, 640), seed=1, length=32)
    for index in range(32):
        rgb, ir, _, said = views[index]
        lost = {7: "ir", 15: "rgb"}.get(index % 16)
        assert rgb.any() == (lost != "rgb") and ir.any() == (lost != "ir")
        if lost == "ir":
            assert not said.change.any()
        if lost == "rgb":
            assert torch.equal(said.change, ir)
