from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import yaml

from mtvif_ros.classes import STREET_NAMES
from tests.training import tiny
from training.check import main as check_files
from training.config import AnySource, PairSelection, PairSource, RenderedSource, check
from training.data.mixture import Mixture, load_sources
from training.data.selection import select_pairs


def write_config(path: Path, *sources: dict[str, Any]) -> Path:
    config = tiny.plain_config(sources=list(sources))
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for folder in ("vi", "ir", "labels", "boxes"):
        (tmp_path / "set" / folder).mkdir(parents=True)
    for number in range(10, 16):
        name = f"{number:05d}N"
        cv2.imwrite(str(tmp_path / f"set/vi/{name}.png"), rng.integers(0, 256, (64, 80, 3), np.uint8))
        cv2.imwrite(str(tmp_path / f"set/ir/{name}.png"), rng.integers(0, 256, (64, 80), np.uint8))
        (tmp_path / f"set/boxes/{name}.txt").write_text("0 0.5 0.5 0.5 0.5\n")
        if number < 13:
            cv2.imwrite(str(tmp_path / f"set/labels/{name}.png"), np.full((64, 80), 1, np.uint8))
    return tmp_path


def names(entry: dict[str, Any], data: Path) -> list[int]:
    return [
        int(files.name[:5])
        for files in select_pairs(check(PairSelection, {"path": "set", **entry}, "entry"), data, STREET_NAMES)
    ]


def test_pairs_are_chosen_by_what_is_known_of_them_and_by_number(data: Path) -> None:
    assert names({"only": "labelled"}, data) == [10, 11, 12]
    assert names({"only": "boxed"}, data) == [13, 14, 15]
    assert names({"numbers": [[11, 11], [14, 99]]}, data) == [11, 14, 15]
    assert names({"skip_numbers": [[11, 13]]}, data) == [10, 14, 15]


def test_a_path_may_start_at_another_folder_than_data(data: Path) -> None:
    assert names({"root": str(data), "numbers": [[12, 13]]}, data / "nowhere") == [12, 13]


def test_classes_that_a_source_does_not_show_are_forbidden_in_it(data: Path) -> None:
    entry = PairSource(path="set", only="labelled", share=1.0)
    sets = tiny.street_sets()
    seen, absent = load_sources([entry, replace(entry, absent=("car",))], data, sets)
    with_car = [number for number, one in enumerate(sets.lists()) if STREET_NAMES.index("car") in one]
    assert all(np.isin(sample.allowed, with_car).all() for sample in seen.samples)
    assert not any(np.isin(sample.allowed, with_car).any() for sample in absent.samples)


def test_smoke_hides_things_from_the_visible_camera_not_their_labels() -> None:
    clear, smoky = load_sources(
        [RenderedSource(rendered=1, share=1.0), RenderedSource(rendered=1, smoke=0.9, share=1.0)],
        Path(),
        tiny.street_sets(),
    )
    (before,), (after,) = clear.samples, smoky.samples
    visible, infrared = (
        np.abs(one.astype(int) - other).mean()
        for one, other in ((before.rgb, after.rgb), (before.ir, after.ir))
    )
    assert visible > 5 * infrared
    assert np.array_equal(after.allowed, before.allowed)


def test_masks_of_another_folder_go_before_the_pairs_own(data: Path) -> None:
    (data / "made").mkdir()
    for name in ("00010N", "00013N"):
        cv2.imwrite(str(data / f"made/{name}.png"), np.full((64, 80), 2, np.uint8))
    chosen = select_pairs(PairSelection(path="set", masks=data / "made"), data, STREET_NAMES)
    parents = [files.mask.parent.name if files.mask else None for files in chosen]
    assert parents == ["made", "labels", "labels", "made", None, None]


def test_masks_that_are_not_there_are_named(data: Path) -> None:
    """Without a word the frames would teach by their boxes alone."""
    (data / "of_others").mkdir()
    cv2.imwrite(str(data / "of_others/another.png"), np.zeros((64, 80), np.uint8))
    for folder in ("nowhere", "of_others"):
        entry = PairSource(path="set", share=1.0, masks=data / folder)
        with pytest.raises(ValueError, match=rf"masks .*{folder}: has no NAME.png of these pairs"):
            load_sources([entry], data, tiny.street_sets())


def test_a_mask_that_is_a_dangling_link_is_named(data: Path) -> None:
    (data / "made").mkdir()
    (data / "made/00010N.png").symlink_to("gone.png")
    with pytest.raises(FileNotFoundError, match=r"made/00010N\.png: is a link to gone\.png"):
        select_pairs(PairSelection(path="set", masks=data / "made"), data, STREET_NAMES)


def test_a_selection_that_leaves_no_pair_is_named(data: Path) -> None:
    with pytest.raises(ValueError, match="set: no pair is left"):
        names({"numbers": [[900, 999]]}, data)


def test_every_unusable_file_is_named_at_once(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "set/vi/00010N.png").write_bytes(b"no picture")
    cv2.imwrite(str(data / "set/ir/00011N.png"), np.zeros((9, 9), np.uint8))
    cv2.imwrite(str(data / "set/labels/00012N.png"), np.full((64, 80), 9, np.uint8))
    (data / "set/boxes/00013N.txt").write_text("7 0.5 0.5 0.5 0.5")
    (data / "other/vi").mkdir(parents=True)
    (data / "other/vi/notes.txt").touch()
    config = write_config(data / "config.yaml", {"path": "set", "share": 1}, {"path": "other", "share": 1})
    with pytest.raises(SystemExit) as ended:
        check_files(["--config", str(config), "--data", str(data)])
    assert ended.value.code == 1
    printed = capsys.readouterr().err
    assert "5 files cannot be used" in printed
    for name in ("vi/00010N", "ir/00011N", "labels/00012N", "boxes/00013N", "vi/notes"):
        assert name in printed


@pytest.mark.parametrize("orphan", ["vi/x.png", "ir/x.png", "labels/x.png", "boxes/x.txt"])
def test_a_file_without_a_partner_is_named(orphan: str, data: Path) -> None:
    (data / "set" / orphan).touch()
    with pytest.raises(FileNotFoundError, match=orphan):
        select_pairs(PairSelection(path="set"), data, STREET_NAMES)


def test_usable_data_is_described(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_config(data / "config.yaml", {"path": "set", "only": "labelled", "share": 1})
    check_files(["--config", str(config), "--data", str(data)])
    # A quarter is a person's box, of which a mask that shows none there leaves the class open.
    assert "set (labelled): 3 samples, 75% of pixels labelled: car 75.00%" in capsys.readouterr().out


def test_the_sources_of_all_stages_are_described_once(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_config(data / "config.yaml", {"path": "set", "share": 1})
    config = yaml.safe_load(path.read_text())
    config["stages"] = {"a": {}, "b": {"train": {"steps": 2}}}
    config["stages"]["c"] = {"train": {"sources": [{"rendered": 1, "share": 1}]}}
    path.write_text(yaml.safe_dump(config))
    check_files(["--config", str(path), "--data", str(data)])
    names = [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()]
    assert names == ["set", "rendered"]


def test_a_sample_depends_on_its_number_alone(data: Path) -> None:
    sets = tiny.street_sets()
    wanted: list[AnySource] = [
        PairSource(path="set", share=1.0),
        RenderedSource(rendered=2, share=1.0),
    ]
    sources = load_sources(wanted, data, sets)
    first, second = (Mixture(sources, sets, (32, 48), seed=5, length=20) for _ in range(2))
    order = [7, 3, 7, 11]
    for index in order:
        for a, b in zip(first[index], second[index]):
            assert torch.equal(a, b)
    rgb, ir, allowed = first[0]
    assert rgb.shape == (3, 32, 48) and ir.shape == (1, 32, 48) and allowed.shape == (9, 16, 24)
