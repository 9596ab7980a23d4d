import cv2
import numpy as np
import numpy.typing as npt
import pytest

from mtvif_ros.calibration.align import AlignmentError, GreyPair, estimate_alignment
from mtvif_ros.synthetic import RoadScene, SceneConfig
from tests.mtvif_ros.rigs import wall

CORNERS = np.array([[[0, 0]], [[639, 0]], [[0, 479]], [[639, 479]]], np.float64)


@pytest.fixture(scope="module")
def aligned() -> list[GreyPair]:
    """Rendered scenes whose cameras see the same pixels."""
    pairs = []
    for seed, time in ((1, "dusk"), (2, "night"), (3, "day")):
        scene = RoadScene(SceneConfig(seed=seed, time=time))
        for index in (0, 200):
            frame = scene.frame(index)
            pairs.append((np.asarray(cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2GRAY), np.uint8), frame.ir))
    return pairs


@pytest.mark.parametrize(
    "homography",
    [
        np.eye(3),
        np.array([[1, 0, 22.0], [0, 1, -14.0], [0, 0, 1]]),
        np.array([[1.35, 0.02, -70.0], [-0.01, 1.33, -60.0], [2e-5, 1e-5, 1]]),
        np.array([[0.8, 0.03, 60.0], [-0.03, 0.82, 40.0], [1e-5, -3e-5, 1]]),
    ],
    ids=["aligned", "shifted", "narrower view", "wider view"],
)
def test_the_way_from_infrared_to_visible_is_found_within_a_pixel(
    homography: npt.NDArray[np.float64], aligned: list[GreyPair]
) -> None:
    back = np.linalg.inv(homography)
    pairs = [
        (light, np.asarray(cv2.warpPerspective(heat, back, (640, 480)), np.uint8)) for light, heat in aligned
    ]
    found = estimate_alignment(pairs)
    wanted, got = (cv2.perspectiveTransform(CORNERS, matrix) for matrix in (homography, found.homography))
    assert np.linalg.norm(wanted - got, axis=2).max() < 1.0
    assert np.median(found.residuals) < 0.5


def test_an_infrared_camera_of_another_size_is_aligned(aligned: list[GreyPair]) -> None:
    small = [(light, np.asarray(cv2.resize(heat, (320, 256)), np.uint8)) for light, heat in aligned]
    found = estimate_alignment(small)
    corners = cv2.perspectiveTransform(np.array([[[0, 0]], [[319, 255]]], float), found.homography)
    assert np.abs(corners[:, 0] - [(0.5, 0.5), (638.5, 478.5)]).max() < 1.5


@pytest.mark.parametrize("seed", [2, 3])
def test_places_that_agree_by_chance_are_refused(seed: int) -> None:
    light = wall(seed)[:480, :640]
    for heat in (np.ascontiguousarray(light[:, ::-1]), wall(seed + 50)[:480, :640]):  # mirrored, unrelated
        with pytest.raises(AlignmentError, match="must not be mirrored"):
            estimate_alignment([(light, heat)])


def test_frames_without_common_edges_are_refused(rng: np.random.Generator) -> None:
    noise = [
        (rng.integers(0, 255, (240, 320), np.uint8), rng.integers(0, 255, (240, 320), np.uint8))
        for _ in range(3)
    ]
    with pytest.raises(AlignmentError, match=r"places"):
        estimate_alignment(noise)
    small = [(light[:120, :160], heat) for light, heat in noise]
    with pytest.raises(AlignmentError, match="160x120 have room for 2 places"):
        estimate_alignment(small)
    with pytest.raises(AlignmentError, match="no frame pairs"):
        estimate_alignment([])
    with pytest.raises(AlignmentError, match="infrared frames change their size"):
        estimate_alignment([noise[0], (noise[1][0], noise[1][1][:100])])
