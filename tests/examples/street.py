"""Things at known places before a rendered camera."""

import numpy as np

from mtvif_ros.image import Image
from mtvif_ros.synthetic.actors import Car, Person
from mtvif_ros.synthetic.brush import Brush
from mtvif_ros.synthetic.camera import Camera
from mtvif_ros.synthetic.canvas import SHINES, Canvas

CAMERA = Camera(640, 480)  # 1.5 m above the road, level
PERSON = Person(1.75, (120, 60, 60), (60, 60, 120), 220, 6)
CAR = Car((200, 200, 200), 150, 1, False)


def mask_of(*placed: tuple[Person | Car, float, float]) -> Image:
    """The mask (480, 640) of actors at x, z in m: right of the camera and ahead of it."""
    canvas = Canvas(np.zeros((CAMERA.height, CAMERA.width, 4), np.uint8))
    brush = Brush(canvas, CAMERA, False)
    for actor, x, z in sorted(placed, key=lambda one: -one[2]):
        actor.draw(brush, x, z, 0.0)
    return np.asarray(canvas.tag & (SHINES - 1), np.uint8)
