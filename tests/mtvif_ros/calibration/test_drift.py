import cv2
import numpy as np
import pytest

from mtvif_ros.calibration.align import AlignmentError
from mtvif_ros.calibration.drift import measure_shift
from mtvif_ros.imaging.registration import Registration
from mtvif_ros.synthetic import RoadScene, SceneConfig


def test_a_shift_is_measured_but_not_between_pictures_that_match_by_chance() -> None:
    frame = RoadScene(SceneConfig(seed=0, time="day")).frame(9)
    light = np.asarray(cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    shift = measure_shift([(light, np.roll(frame.ir, -5, axis=1))], Registration())
    assert (shift.right, shift.down) == pytest.approx((5, 0), abs=0.5)
    mirrored = np.ascontiguousarray(frame.ir[:, ::-1])
    with pytest.raises(AlignmentError, match="contradict each other"):
        measure_shift([(light, mirrored)], Registration())
