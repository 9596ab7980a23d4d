import numpy as np

from mtvif_ros.benchmark.clocks import Found, rendered, table
from mtvif_ros.synthetic import SceneConfig


def test_a_camera_renders_at_its_own_rate() -> None:
    config = SceneConfig(1, "day", 160, 120, rate=900.0)
    visible, infrared = rendered(config, 30, 0.2, True), rendered(config, 9, 0.3, False)
    assert len(visible.stamps) == 6 and visible.frames.shape == (6, 60, 80)
    assert np.diff(visible.stamps).mean() * 30 == 1.0 and np.diff(infrared.stamps).mean() * 9 == 1.0


def test_the_table_tells_errors_and_how_many_offsets_were_found() -> None:
    found = [Found(0.003, 0.001), Found(-0.004, 0.002), Found(np.nan, np.nan)]
    lines = list(table(iter([("a", found), ("b", found[2:])])))
    assert lines[2:] == ["| a | 2 of 3 | 4.0 | 3.5 | 2.0 |", "| b | 0 of 1 | | | |"]
