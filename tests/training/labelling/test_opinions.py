from pathlib import Path

import cv2
import numpy as np
import pytest

from mtvif_ros.classes import CLASS_NAMES
from mtvif_ros.recordings.pair_folder import PairFiles
from training.labelling.opinions import find_opinions, read_opinion, weigh

CAR, PERSON, BIKE, CURVE = (CLASS_NAMES.index(name) for name in ("car", "person", "bike", "curve"))
SIZE = (4, 6)


def plane(value: int) -> np.ndarray:  # type: ignore[type-arg]
    return np.full(SIZE, value, np.uint8)


def pair(folder: Path, name: str) -> PairFiles:
    path = folder / f"{name}.png"
    cv2.imwrite(str(path), np.zeros((*SIZE, 4), np.uint8))  # both cameras in one file
    return PairFiles(name, path, path, None, None)


def probabilities(**by_name: float) -> np.ndarray:  # type: ignore[type-arg]
    found = np.zeros((len(CLASS_NAMES), *SIZE), np.float32)
    for name, value in by_name.items():
        found[CLASS_NAMES.index(name)] = value
    return found


def test_an_opinion_takes_its_share_and_leaves_the_proportions_of_what_it_does_not_know() -> None:
    ours = probabilities(background=0.6, bike=0.2, curve=0.2)
    weighed = weigh(ours, {BIKE: np.full(SIZE, 0.9, np.float32), CAR: np.zeros(SIZE, np.float32)}, 0.5)
    np.testing.assert_allclose(weighed[BIKE], 0.55, atol=1e-6)
    np.testing.assert_allclose(weighed[0] / weighed[CURVE], 3, atol=1e-4)
    np.testing.assert_allclose(weighed.sum(0), 1, atol=1e-5)


def test_a_share_of_nothing_changes_nothing() -> None:
    ours = probabilities(background=0.6, bike=0.2, curve=0.2)
    np.testing.assert_allclose(weigh(ours, {BIKE: np.ones(SIZE, np.float32)}, 0), ours, atol=1e-6)


def test_an_opinion_is_read_by_class_name(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", bike=plane(255), person=plane(0))
    opinion = read_opinion(tmp_path / "a.npz", SIZE)
    assert opinion.keys() == {BIKE, PERSON}
    assert opinion[BIKE].min() == 1 and opinion[PERSON].max() == 0


@pytest.mark.parametrize(
    ("planes", "problem"),
    [
        ({"bicycle": plane(0)}, "bicycle"),
        ({}, "no array"),
        ({"bike": plane(0)[:2]}, r"bike is uint8 \(2, 6\); expected uint8 \(4, 6\)"),
        ({"bike": plane(0).astype(np.float32)}, "bike is float32"),
        ({"bike": plane(200), "car": plane(200)}, "sum to 1.57"),
    ],
)
def test_an_opinion_that_cannot_be_meant_is_named(
    tmp_path: Path,
    planes: dict[str, np.ndarray],  # type: ignore[type-arg]
    problem: str,
) -> None:
    np.savez_compressed(tmp_path / "a.npz", **planes)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=f"a.npz: .*{problem}"):
        read_opinion(tmp_path / "a.npz", SIZE)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", bike=plane(0))
    whole = (tmp_path / "a.npz").read_bytes()
    for damaged in (whole[:50], b"", b"no archive"):
        (tmp_path / "a.npz").write_bytes(damaged)
        with pytest.raises(ValueError, match=r"a\.npz: cannot be read"):
            read_opinion(tmp_path / "a.npz", SIZE)


def test_pairs_without_a_file_have_no_opinion_and_files_that_cannot_be_meant_are_named(
    tmp_path: Path,
) -> None:
    pairs = [pair(tmp_path, name) for name in "ab"]
    with pytest.raises(ValueError, match="holds no NAME"):
        find_opinions(tmp_path, pairs)
    np.savez_compressed(tmp_path / "a.npz", bike=plane(0))
    assert find_opinions(tmp_path, pairs) == {"a": tmp_path / "a.npz"}
    np.savez_compressed(tmp_path / "b.npz", bike=plane(0)[:2])
    with pytest.raises(ValueError, match=r"b\.npz: bike is"):
        find_opinions(tmp_path, pairs)
    np.savez_compressed(tmp_path / "c.npz", bike=plane(0))
    with pytest.raises(ValueError, match=r"1 files belong to no pair, c\.npz"):
        find_opinions(tmp_path, pairs)
