import cv2
import numpy as np

from mtvif_ros.classes import STREET_NAMES
from mtvif_ros.synthetic.actors import Bike
from mtvif_ros.synthetic.brush import Brush
from mtvif_ros.synthetic.camera import Camera
from mtvif_ros.synthetic.canvas import SHINES, Canvas

BIKE = STREET_NAMES.index("bike")


def test_a_bikes_label_fills_wheels_and_frame_without_hiding_the_light_behind() -> None:
    camera = Camera(320, 240)
    canvas = Canvas(np.full((240, 320, 4), 200, np.uint8))
    Bike((40, 80, 120)).draw(Brush(canvas, camera, lamps_on=False), 0.0, 4.0, 0.0)
    label = (canvas.tag & (SHINES - 1) == BIKE).astype(np.uint8)
    _, holes = cv2.findContours(label, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    assert len(holes[0]) == 1  # one outline and nothing inside it
    column, row = (int(value) for value in camera.project(np.array([[0.7, 0.34, 4.0]]))[0])
    assert label[row, column] == 1
    assert canvas.paint[row, column].tolist() == [200] * 4
    assert canvas.tag[row, column] & SHINES


def test_what_lies_beside_the_image_leaves_it_as_it_is() -> None:
    canvas = Canvas(np.full((240, 320, 4), 200, np.uint8))
    before = canvas.paint.copy(), canvas.tag.copy()
    for x in (-12.0, 12.0):
        Bike((40, 80, 120)).draw(Brush(canvas, Camera(320, 240), lamps_on=False), x, 4.0, 0.0)
    np.testing.assert_array_equal(canvas.paint, before[0])
    np.testing.assert_array_equal(canvas.tag, before[1])
