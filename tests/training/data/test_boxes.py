from pathlib import Path

import numpy as np
import pytest

from training.data.boxes import box_window, read_boxes


def test_boxes_are_read_in_yolo_form(tmp_path: Path) -> None:
    path = tmp_path / "one.txt"
    path.write_text("0 0.5 0.5 0.2 0.4\n\n2 0.1 0.1 0.1 0.1\n")
    assert read_boxes(path) == pytest.approx(np.array([[0, 0.5, 0.5, 0.2, 0.4], [2, 0.1, 0.1, 0.1, 0.1]]))
    path.write_text("")
    assert read_boxes(path).shape == (0, 5)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("0 0.5 0.5 0.2", "must be `class"),
        ("car 0.5 0.5 0.2 0.2", "not numbers"),
        ("3 0.5 0.5 0.2 0.2", "class must be 0 to 2"),
        ("0 320 240 20 20", r"in 0\.\.1"),
        ("0 nan 0.5 0.2 0.2", r"in 0\.\.1"),
    ],
)
def test_an_unusable_line_is_named(line: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "one.txt"
    path.write_text("1 0.5 0.5 0.1 0.1\n" + line)
    with pytest.raises(ValueError, match=rf"one\.txt: line 2.*{problem}"):
        read_boxes(path)


def test_a_window_is_cut_at_the_picture() -> None:
    assert box_window((0.0, 0.5, 0.4, 0.5), (100, 200)) == (slice(25, 75), slice(0, 40))
    assert box_window((0.5, 0.5, 0.4, 0.4), (100, 100), (0.5, 0.5)) == (slice(40, 60), slice(40, 60))
