import numpy as np
import pytest

from mtvif_ros.metrics.baselines import BASELINES

VISIBLE, INFRARED = np.array([[10.0, 200.0]]), np.array([[30.0, 100.0]])


@pytest.mark.parametrize(
    ("name", "fused"), [("max", [30, 200]), ("average", [20, 150]), ("visible only", [10, 200])]
)
def test_each_baseline_fuses_as_its_name_says(name: str, fused: list[float]) -> None:
    assert BASELINES[name](VISIBLE, INFRARED).tolist() == [fused]


def test_tables_show_them_in_this_order() -> None:
    assert list(BASELINES) == ["max", "average", "visible only"]
