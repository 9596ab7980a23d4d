from pathlib import Path

import pytest

from mtvif_ros import topics

ROOT = Path(__file__).parents[2]
NAMES = {value for name, value in vars(topics).items() if name.isupper()}


def test_camera_info_lies_beside_the_images() -> None:
    assert topics.camera_info("/front/rgb/image_raw") == "/front/rgb/camera_info"
    assert topics.camera_info("image") == "camera_info"


@pytest.mark.parametrize(
    ("topic", "namespace", "full"),
    [
        ("mtvif/fused", "/", "/mtvif/fused"),
        ("mtvif/fused", "/front", "/front/mtvif/fused"),
        ("/diagnostics", "/front", "/diagnostics"),
    ],
)
def test_a_relative_name_lives_in_the_namespace(topic: str, namespace: str, full: str) -> None:
    assert topics.absolute(topic, namespace) == full
