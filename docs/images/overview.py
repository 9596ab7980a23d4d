"""Draw overview.jpg, the README's picture, with the shipped model.

.venv/bin/python docs/images/overview.py
"""

from pathlib import Path

import cv2
import numpy as np

from mtvif_ros.engines import load_engine, shipped_model
from mtvif_ros.imaging.fuse import fuse_pair
from mtvif_ros.synthetic import RoadScene, SceneConfig

SCENES = (
    (SceneConfig(seed=3, time="night"), 20),
    (SceneConfig(seed=8, time="dusk"), 90),
    (SceneConfig(seed=5, time="day", smoke=0.8), 40),
)
TITLES = ("visible", "infrared", "fused", "segmentation")
TILE = (400, 300)


def main() -> None:
    """Write overview.jpg beside this file."""
    engine = load_engine(shipped_model("openvino"), "openvino")
    rows = []
    for config, number in SCENES:
        frame = RoadScene(config).frame(number)
        fused, mask, _ = fuse_pair(engine, frame.rgb, frame.ir)
        pictures = (frame.rgb, cv2.cvtColor(frame.ir, cv2.COLOR_GRAY2RGB), fused, engine.model.colours[mask])
        rows.append(np.hstack([cv2.resize(one, TILE, interpolation=cv2.INTER_AREA) for one in pictures]))
    picture = np.vstack(rows)[..., ::-1].copy()
    for column, title in enumerate(TITLES):
        place = (column * TILE[0] + 10, 26)
        for colour, thick in (((0, 0, 0), 4), ((255, 255, 255), 1)):
            cv2.putText(picture, title, place, cv2.FONT_HERSHEY_SIMPLEX, 0.7, colour, thick, cv2.LINE_AA)
    cv2.imwrite(str(Path(__file__).with_name("overview.jpg")), picture, [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
