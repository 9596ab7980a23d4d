from pathlib import Path

import cv2
import numpy as np

from mtvif_ros.synthetic import RoadScene, SceneConfig
from tests.training import tiny
from training.config import RenderedSource
from training.data.rendered import rendered_samples, write_rendered_pairs


def test_frames_rendered_side_by_side_are_those_of_their_scenes_in_order() -> None:
    samples = rendered_samples(RenderedSource(rendered=6, seed=7, smoke=0.5, share=1.0), tiny.street_sets())
    assert [sample.name for sample in samples] == [
        *(f"rendered_0_{within}" for within in range(4)),
        "rendered_1_0",
        "rendered_1_1",
    ]
    scene = RoadScene(SceneConfig(seed=700_001, time="dusk", misaligned=1.0, smoke=0.5))
    for sample, frame in zip(samples[4:], (scene.frame(0), scene.frame(97))):
        assert np.array_equal(sample.rgb, frame.rgb) and np.array_equal(sample.ir, frame.ir)


def test_frames_of_one_time_of_day_are_all_of_it(tmp_path: Path) -> None:
    write_rendered_pairs(tmp_path, 5, seed=7, times=["night"])
    frames = [cv2.imread(str(path)) for path in (tmp_path / "vi").iterdir()]
    assert len(frames) == 5 and max(frame.mean() for frame in frames if frame is not None) < 60


def test_written_pairs_are_the_samples(tmp_path: Path) -> None:
    write_rendered_pairs(tmp_path, 1, seed=7)
    (sample,) = rendered_samples(RenderedSource(rendered=1, seed=7, share=1.0), tiny.street_sets())
    written = cv2.imread(str(tmp_path / "vi" / f"{sample.name}.png"))
    assert written is not None and np.array_equal(written[..., ::-1], sample.rgb)
