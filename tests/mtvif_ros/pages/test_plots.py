"""The plots of a page as SVG."""

import numpy as np
import pytest

from mtvif_ros.pages import plots


@pytest.mark.parametrize("logarithmic", [False, True])
def test_curves_over_steps_name_their_series_and_follow_the_page_s_colours(logarithmic: bool) -> None:
    series = {f"term {number}": ([0.0, 1500.0], [0.01, 3.0]) for number in range(13)} | {
        "mean": ([0.0], [1.0])
    }
    svg = plots.over_steps(series, "loss", logarithmic)
    assert svg.startswith("<svg") and "currentColor" in svg
    assert all(f">{name}</text>" in svg for name in series)


def test_a_confusion_matrix_of_many_classes_has_names_but_no_numbers() -> None:
    few, many = (
        plots.confusion_matrix(np.eye(count), [f"class {n}" for n in range(count)]) for count in (3, 40)
    )
    assert few.count(">1.00</text>") == 3 and ">1.00</text>" not in many
    assert all(f">class {number}</text>" in many for number in range(40))
