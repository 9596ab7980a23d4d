"""Fill page templates, which share a style and a way to show pictures."""

from __future__ import annotations

import base64
from typing import Any

import cv2

from mtvif_ros.image import Image


def page_template(package: str, name: str) -> Any:
    """Return the template `name` of a package; it may include those of this one."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("mtvif_ros.pages")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def as_jpeg(picture: Image) -> str:
    """Return a picture (H, W, 3) in R, G, B as a JPEG file in base64, for a page."""
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 82])
    return base64.b64encode(encoded.tobytes()).decode()
