from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from mtvif_ros.node.still_picture import StillPicture


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(48, 64), (48, 64, 3)])
def test_the_time_counts_from_the_first_of_equal_pictures(
    shape: tuple[int, ...], dtype: type, rng: np.random.Generator
) -> None:
    camera = StillPicture()
    one: npt.NDArray[Any] = rng.integers(0, 200, shape).astype(dtype)
    other = one + one.dtype.type(1)
    assert camera.lasts == 0
    lasting = []
    for now, picture in enumerate((one, one, one, other, other, one)):
        camera.see(picture, now)
        lasting.append(camera.lasts)
    assert lasting == [0, 1, 2, 0, 1, 0]


def test_a_picture_that_is_a_view_is_read_as_it_is(rng: np.random.Generator) -> None:
    camera, picture = StillPicture(), rng.integers(0, 200, (48, 64, 3))
    camera.see(picture[..., ::-1], 0)
    camera.see(picture, 1)
    assert camera.lasts == 0
