"""Define the size of frames: (height, width) in pixels, written HEIGHTxWIDTH."""

from __future__ import annotations

import re
from typing import TypeAlias

Size: TypeAlias = tuple[int, int]

USUAL: Size = (480, 640)


def read_size(text: str) -> Size:
    """Read HEIGHTxWIDTH, such as 480x640. Raises ValueError for anything else."""
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if found is None:
        raise ValueError(f"{text!r} is not HEIGHTxWIDTH, such as {shown(USUAL)}")
    return int(found[1]), int(found[2])


def read_size_or_auto(text: str) -> Size | None:
    """Read HEIGHTxWIDTH, or None from `auto`. Raises ValueError for anything else."""
    try:
        return None if text == "auto" else read_size(text)
    except ValueError as error:
        raise ValueError(f"{error}, and not auto") from None


def shown(size: Size) -> str:
    """Return a size as read_size reads it."""
    return f"{size[0]}x{size[1]}"
