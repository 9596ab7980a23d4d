import base64

import cv2
import numpy as np
import pytest

from mtvif_ros.pages.page import as_jpeg, page_template


@pytest.mark.parametrize(
    ("package", "name"), [("mtvif_ros.replay", "report.html.j2"), ("mtvif_ros.replay", "style.html.j2")]
)
def test_a_template_may_be_the_package_s_own_or_one_that_all_share(package: str, name: str) -> None:
    assert page_template(package, name).name == name


def test_a_picture_becomes_a_jpeg_in_r_g_b() -> None:
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 255
    encoded = np.frombuffer(base64.b64decode(as_jpeg(red)), np.uint8)
    bgr = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    assert bgr is not None and bgr[8, 8, 2] > 240 and bgr[8, 8, :2].max() < 15
