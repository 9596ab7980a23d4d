import numpy as np
import pytest

from mtvif_ros.calibration.align import AlignmentError, GreyPair, estimate_alignment
from mtvif_ros.calibration.rig import refine_rig
from mtvif_ros.imaging.lenses import LensRegistration, Pose
from mtvif_ros.imaging.registration import Registration
from tests.mtvif_ros.rigs import INFRARED, SHIFT, VISIBLE, turned, view, wall

TRUE = turned(1.2, -1.8, 0.9)


@pytest.fixture(scope="module")
def pairs() -> list[GreyPair]:
    """What both cameras see of walls 6 m away, infrared with dark and bright exchanged."""
    walls = [wall(seed) for seed in range(4)]
    return [(view(VISIBLE, one, 6.0), 255 - view(INFRARED, one, 6.0, TRUE)) for one in walls]


def test_the_rotation_between_the_cameras_is_found(pairs: list[GreyPair]) -> None:
    alignment = estimate_alignment(pairs)
    rough = Registration(tuple(alignment.homography.ravel().tolist()), INFRARED.size, VISIBLE.size)
    found = refine_rig(pairs, LensRegistration(VISIBLE, INFRARED, Pose(translation=SHIFT), 6.0), rough)
    turn = found.registration.pose.rotation_matrix() @ TRUE.rotation_matrix().T
    assert np.degrees(np.arccos((np.trace(turn) - 1) / 2)) < 0.1
    assert np.median(found.residuals) < np.median(alignment.residuals)
    assert np.median(found.residuals) < 0.4


def test_lenses_that_do_not_fit_the_frames_are_told(pairs: list[GreyPair], rng: np.random.Generator) -> None:
    noise: list[GreyPair] = [(light, rng.integers(0, 255, heat.shape, np.uint8)) for light, heat in pairs]
    rough = Registration((1.25, 0, 0, 0, 1.25, 0, 0, 0, 1), INFRARED.size, VISIBLE.size)
    with pytest.raises(AlignmentError, match="check camera_info, tf and --distance"):
        refine_rig(noise, LensRegistration(VISIBLE, INFRARED, TRUE, 6.0), rough)
