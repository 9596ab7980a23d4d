from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtvif_ros.classes import STREET_NAMES
from mtvif_ros.recordings.pair_folder import PairFiles
from training.data.boxes import box_window, read_box_names, read_boxes


def pair_with(text: str, folder: Path, **more: Any) -> PairFiles:
    path = folder / "one.txt"
    path.write_text(text)
    return PairFiles("one", folder, folder, None, path, **more)


def test_boxes_are_read_in_yolo_form(tmp_path: Path) -> None:
    files = pair_with("0 0.5 0.5 0.2 0.4\n\n2 0.1 0.1 0.1 0.1\n", tmp_path)
    boxes = read_boxes(files, STREET_NAMES)
    assert boxes is not None and len(boxes) == 2
    assert [STREET_NAMES[index] for index, _ in boxes] == ["person", "car"]
    assert boxes.places == pytest.approx(np.array([[0.5, 0.5, 0.2, 0.4], [0.1, 0.1, 0.1, 0.1]]))
    assert boxes.boxed == {1, 2, 3}
    empty = read_boxes(pair_with("", tmp_path), STREET_NAMES)
    assert empty is not None and len(empty) == 0 and empty.places.shape == (0, 4)
    assert read_boxes(PairFiles("one", tmp_path, tmp_path, None, None), STREET_NAMES) is None


def test_boxes_have_a_data_sets_own_names_and_those_of_other_classes_are_left_out(tmp_path: Path) -> None:
    files = pair_with("1 0.5 0.5 0.2 0.4\n0 0.1 0.1 0.1 0.1\n", tmp_path, box_names=("cat", "dog"))
    boxes = read_boxes(files, ["floor", "dog"])
    assert boxes is not None and boxes.indices == (1,) and boxes.boxed == {1}


@pytest.mark.parametrize("names", [("background", "dog"), ("floor", "dog"), ("dog", "background")])
def test_boxes_of_the_background_are_left_out_and_ignored_ones_kept_apart(
    names: tuple[str, ...], tmp_path: Path
) -> None:
    lines = "0 0.5 0.5 0.2 0.4\n1 0.1 0.1 0.1 0.1\n2 0.5 0.5 0.5 0.5\n"
    dog = names.index("dog")
    boxes = read_boxes(pair_with(lines, tmp_path, box_names=(names[1 - dog], "dog", "ignore")), (*names, "x"))
    assert boxes is not None and boxes.indices == (dog,) and boxes.boxed == {dog}
    assert boxes.places == pytest.approx(np.array([[0.1, 0.1, 0.1, 0.1]]))
    assert boxes.ignored == ((0.5, 0.5, 0.5, 0.5),)


def test_boxes_of_every_class_are_refused_with_what_to_do(tmp_path: Path) -> None:
    files = pair_with("0 0.5 0.5 0.2 0.4", tmp_path, box_names=("cat", "dog"))
    with pytest.raises(ValueError, match=rf"^{tmp_path}: its boxes name every .*; add background to .* map"):
        read_boxes(files, ("dog", "cat"))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("0 0.5 0.5 0.2", "must be `class"),
        ("car 0.5 0.5 0.2 0.2", "not numbers"),
        ("3 0.5 0.5 0.2 0.2", "class must be 0 to 2; correct it, or name the class in data.yaml"),
        ("1 0.5 0.5 0.1 0.1", "repeats line 1; remove one"),
        ("0 0.1 0.1 0.2 0.1 0.2 0.2", "is a polygon; export polygons as COCO"),
        ("0 320 240 20 20", r"in 0\.\.1"),
        ("0 nan 0.5 0.2 0.2", r"in 0\.\.1"),
    ],
)
def test_an_unusable_line_is_named(line: str, problem: str, tmp_path: Path) -> None:
    files = pair_with("1 0.5 0.5 0.1 0.1\n" + line, tmp_path)
    with pytest.raises(ValueError, match=rf"one\.txt: line 2.*{problem}"):
        read_boxes(files, STREET_NAMES)


def test_lines_with_one_problem_are_told_together(tmp_path: Path) -> None:
    polygon = "0 0.1 0.1 0.2 0.1 0.2 0.2"
    files = pair_with("\n".join([polygon, polygon + " 0.1 0.3", "7 0.5 0.5 0.1 0.1"]), tmp_path)
    told = rf"line 1, '{polygon}', and 1 more: is a polygon; .*; line 3, '7 [^;]*: class must be 0 to 2"
    with pytest.raises(ValueError, match=told):
        read_boxes(files, STREET_NAMES)


@pytest.mark.parametrize("text", ["names: [cat, dog]", "nc: 2\nnames:\n  1: dog\n  0: cat\n"])
def test_yolos_names_are_a_list_or_a_mapping(text: str, tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text(text)
    assert read_box_names(tmp_path / "data.yaml") == ("cat", "dog")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("names: [cat", "not valid YAML"),
        ("nc: 2", "names is None, expected names such as"),
        ("names: {1: cat, 2: dog}", r"names have the numbers \[1, 2\], expected 0 to 1"),
        ("names: {a: cat}", "names have the numbers"),
        ("names: [cat, yes]", r"names is \['cat', True\], expected .*, in quotes"),
        ("names: [cat, cat]", "names cat twice"),
        ("names: [cat, dog]\nnc: 3", "nc is 3, but it names 2 classes"),
    ],
)
def test_names_that_cannot_be_are_refused(text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(ValueError, match=rf"data\.yaml: .*{problem}"):
        read_box_names(tmp_path / "data.yaml")


def test_a_window_is_cut_at_the_picture() -> None:
    assert box_window((0.0, 0.5, 0.4, 0.5), (100, 200)) == (slice(25, 75), slice(0, 40))
    assert box_window((0.5, 0.5, 0.4, 0.4), (100, 100), (0.5, 0.5)) == (slice(40, 60), slice(40, 60))
