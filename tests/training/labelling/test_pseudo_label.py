from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mtvif_ros.classes import IGNORE, STREET_NAMES
from mtvif_ros.recordings.pair_folder import find_pairs
from tests.training import tiny
from training.config import PairSelection
from training.data.selection import select_pairs
from training.labelling.masks import (
    complete_mask,
    fill_priors,
    label_in_boxes,
    label_where_sure,
    overlooked_boxes,
)
from training.labelling.probabilities import class_probabilities
from training.labelling.pseudo_label import main

CAR, PERSON = (STREET_NAMES.index(name) for name in ("car", "person"))
BOX = tiny.boxes(("person", 0.5, 0.5, 0.4, 0.8))  # a person in rows 10 to 90, columns 30 to 70


def round_prior() -> dict[int, np.ndarray]:  # type: ignore[type-arg]
    rows, columns = np.mgrid[-3.5:4.5, -3.5:4.5]
    return {PERSON: np.where(rows**2 + columns**2 < 9, 0.95, 0.05).astype(np.float32)}


def background() -> np.ndarray:  # type: ignore[type-arg]
    probability = np.full((len(STREET_NAMES), 100, 100), 0.001, np.float32)
    probability[0] = 1 - probability[1:].sum(0)
    return probability


def test_a_box_is_filled_even_where_the_network_knows_nothing() -> None:
    mask = label_in_boxes(background(), BOX, round_prior())
    assert mask[50, 50] == PERSON
    assert mask[12, 32] in (0, IGNORE)
    assert mask[50, 10] == 0


def test_a_class_never_leaves_its_boxes() -> None:
    probability = background()
    probability[:, :, :20] = 0.001
    probability[CAR, :, :20] = 0.992
    mask = label_in_boxes(probability, BOX, round_prior())
    assert CAR not in mask


def test_what_the_network_sees_outside_all_boxes_may_have_been_overlooked() -> None:
    probability = background()
    probability[CAR, 40:60, 80:], probability[0, 40:60, 80:] = 0.7, 0.29
    mask = label_in_boxes(probability, BOX, round_prior())
    assert (mask[40:60, 80:] == IGNORE).all()
    assert mask[50, 50] == PERSON and (mask[:, :20] == 0).all()


def test_an_ignored_box_teaches_nothing() -> None:
    boxes = replace(BOX, ignored=((0.1, 0.5, 0.2, 0.2),))
    mask = label_in_boxes(background(), boxes, round_prior())
    assert (mask[40:60, :20] == IGNORE).all() and mask[50, 50] == PERSON and (mask[:38, :20] == 0).all()


def test_a_box_that_surely_holds_another_class_teaches_nothing() -> None:
    probability = background()
    probability[CAR, 10:90, 30:70], probability[0, 10:90, 30:70] = 0.97, 0.02
    mask = label_in_boxes(probability, BOX, round_prior())
    assert (mask[12:88, 32:68] == IGNORE).all()


def test_the_network_says_which_part_of_a_box_is_filled() -> None:
    probability = background()
    probability[PERSON, 40:60, 45:55], probability[0, 40:60, 45:55] = 0.99, 0.003
    probability[PERSON, 60:90, 30:70] = 1e-4
    mask = label_in_boxes(probability, BOX, round_prior())
    assert mask[50, 50] == PERSON
    assert mask[88, 32] == 0


def test_without_boxes_only_sure_pixels_count() -> None:
    probability = background()
    probability[CAR, 0], probability[0, 0] = 0.95, 0.04
    probability[CAR, 1], probability[0, 1] = 0.6, 0.39
    mask = label_where_sure(probability)
    assert (mask[0] == CAR).all() and (mask[1] == IGNORE).all() and (mask[2] == 0).all()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for folder in ("vi", "ir", "labels", "boxes"):
        (tmp_path / folder).mkdir()
    label = np.zeros((64, 64), np.uint8)
    label[16:48, 24:40] = PERSON
    for name in ("a", "b"):
        cv2.imwrite(str(tmp_path / "vi" / f"{name}.png"), np.zeros((64, 64, 3), np.uint8))
        cv2.imwrite(str(tmp_path / "ir" / f"{name}.png"), np.zeros((64, 64), np.uint8))
        (tmp_path / "boxes" / f"{name}.txt").write_text("0 0.5 0.5 0.5 0.5")
    cv2.imwrite(str(tmp_path / "labels" / "a.png"), label)
    return tmp_path


def test_the_command_labels_what_has_no_mask(data: Path) -> None:
    tiny.save_run(data / "run")
    main(["--run", str(data / "run"), "--data", str(data), "--out", str(data / "out")])
    (made,) = (data / "out").iterdir()
    assert made.name == "b.png"
    mask = cv2.imread(str(made), cv2.IMREAD_UNCHANGED)
    assert mask is not None and mask[32, 32] == PERSON and CAR not in mask


def test_boxes_of_the_background_alone_are_no_boxes(data: Path) -> None:
    (data / "data.yaml").write_text("names: [background]")
    tiny.save_run(data / "run")
    main(["--run", str(data / "run"), "--data", str(data), "--out", str(data / "out")])
    assert [path.name for path in (data / "out").iterdir()] == ["b.png"]


@pytest.mark.parametrize("names", [("background", "person"), STREET_NAMES[::-1]])
def test_networks_of_other_classes_do_not_label_together(
    names: tuple[str, ...], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for run, classes in (("street", STREET_NAMES), ("other", names)):
        tiny.save_run(data / run, classes=classes)
    runs = [str(data / "street"), str(data / "other")]
    with pytest.raises(SystemExit):
        main(["--run", *runs, "--data", str(data), "--out", str(data / "out")])
    assert f"{runs[1]}: knows the classes {', '.join(names)}, and {runs[0]} back" in capsys.readouterr().err
    assert not (data / "out").exists()


def test_several_networks_label_by_the_mean_of_their_probabilities() -> None:
    torch.manual_seed(0)
    networks = [tiny.network().eval() for _ in range(2)]
    for network in networks:
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    rng = np.random.default_rng(0)
    rgb, ir = rng.integers(0, 256, (64, 64, 3), np.uint8), rng.integers(0, 256, (64, 64), np.uint8)
    first, second = (class_probabilities([network], rgb, ir) for network in networks)
    assert np.abs(first - second).max() > 0.1
    np.testing.assert_allclose(class_probabilities(networks, rgb, ir), (first + second) / 2, atol=1e-6)


def test_priors_are_learnt_from_what_people_and_masks_say(data: Path) -> None:
    prior = fill_priors(find_pairs(data), STREET_NAMES)[PERSON]
    assert prior[:, 2:6].min() == 1 and prior[:, :2].max() == 0


def test_what_a_mask_overlooked_is_completed_and_the_rest_stays() -> None:
    mask = np.zeros((100, 100), np.uint8)
    mask[45:55, 60:70] = CAR
    boxes = tiny.boxes(("person", 0.5, 0.5, 0.4, 0.8), ("car", 0.9, 0.5, 0.1, 0.1))
    overlooked = overlooked_boxes(mask, boxes)
    assert overlooked.indices == boxes.indices
    made = label_in_boxes(background(), BOX, round_prior())
    completed = complete_mask(mask, made, overlooked.only([True, False]))
    assert completed[50, 50] == PERSON
    assert (completed[45:55, 60:70] == CAR).all()
    assert (completed[:, :30] == 0).all() and not len(overlooked_boxes(completed, BOX))


def test_the_command_completes_masks_that_overlooked_a_box(data: Path) -> None:
    cv2.imwrite(str(data / "labels" / "b.png"), np.zeros((64, 64), np.uint8))
    tiny.save_run(data / "run")
    main(["--run", str(data / "run"), "--data", str(data), "--out", str(data / "out")])
    assert [path.name for path in (data / "out").iterdir()] == ["b.png"]
    chosen = select_pairs(PairSelection(path=".", masks=data / "out"), data, STREET_NAMES)
    used = {files.name: files.mask for files in chosen}
    assert used == {"a": data / "labels" / "a.png", "b": data / "out" / "b.png"}
