from pathlib import Path

import cv2
import numpy as np

from mtvif_ros.engines import load_engine
from mtvif_ros.pipeline import fuse_pair
from mtvif_ros.synthetic import Frame


def test_results_have_the_visible_frames_size_whatever_the_model_and_infrared_have(
    model_path: Path, night_frame: Frame
) -> None:
    rgb = cv2.resize(night_frame.rgb, (800, 600))
    ir = cv2.resize(night_frame.ir, (320, 256))
    fused, mask = fuse_pair(load_engine(model_path), np.asarray(rgb), np.asarray(ir))
    assert fused.shape == (600, 800, 3)
    assert mask.shape == (600, 800)
