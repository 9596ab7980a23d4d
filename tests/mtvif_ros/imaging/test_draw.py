import numpy as np

from mtvif_ros.classes import STREET, STREET_NAMES, colour_table
from mtvif_ros.imaging.draw import overlay, with_boxes
from mtvif_ros.imaging.regions import Region

COLOURS = colour_table([one.rgb for one in STREET])


def test_the_overlay_tints_all_classes_but_the_background() -> None:
    fused = np.full((1, 2, 3), 100, np.uint8)
    drawn = overlay(fused, np.array([[0, 2]], np.uint8), COLOURS, 0.25)
    assert drawn.tolist() == [[[100, 100, 100], [139, 91, 91]]]


def test_a_box_lies_on_the_outermost_pixels_of_its_region_in_the_colour_of_its_class() -> None:
    picture = np.full((100, 160, 3), 90, np.uint8)
    region = Region(1, left=30, top=40, width=20, height=30, area=500, score=0.9, warmest=36.5, median=31.0)
    drawn = with_boxes(picture, [region], STREET_NAMES, COLOURS)
    edge = np.zeros((100, 160), bool)
    edge[40:70, 30:50] = True
    edge[41:69, 31:49] = False
    assert (drawn[edge] == STREET[1].rgb).all()
    assert (drawn[41:69, 31:49] == 90).all() and (drawn[70:] == 90).all()
    assert (drawn[:40] != 90).any()  # words
    assert (picture == 90).all()
