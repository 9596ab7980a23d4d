from pathlib import Path

import cv2
import numpy as np
import pytest

from mtvif_ros.classes import IGNORE, STREET_NAMES
from mtvif_ros.image import Image
from mtvif_ros.synthetic import RoadScene, SceneConfig
from tests.training import tiny
from training.config import RenderedSource
from training.data.pairs import load_labels
from training.data.rendered import list_rendered_pairs, rendered_samples, write_rendered_pairs


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


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rendered")
    write_rendered_pairs(folder, 1, seed=7)
    return folder


def labels_for(names: tuple[str, ...], folder: Path) -> Image | None:
    (files,) = list_rendered_pairs(folder, names)
    return load_labels(files, np.zeros((480, 640), np.uint8), names)


def test_a_model_of_own_classes_gets_labels_of_those_it_shares_by_name(written: Path) -> None:
    given, own = (
        labels_for(STREET_NAMES, written),
        labels_for(("floor", "car", "crate", "background"), written),
    )
    assert given is not None and own is not None
    places = np.full(256, IGNORE)
    places[[STREET_NAMES.index("background"), STREET_NAMES.index("car")]] = 3, 1
    assert {0, 1} < set(np.unique(given)) and np.array_equal(own, places[given])


@pytest.mark.parametrize("names", [("background", "crate"), ("floor", "crate")])
def test_a_model_that_shares_no_thing_with_rendered_scenes_gets_no_labels(
    names: tuple[str, ...], written: Path
) -> None:
    assert labels_for(names, written) is None
