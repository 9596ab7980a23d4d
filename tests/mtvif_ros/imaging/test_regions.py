import numpy as np
import pytest

from mtvif_ros.image import Image
from mtvif_ros.imaging.regions import Region, find_regions


def mask_of(*rows: str) -> Image:
    """A mask of digits; a dot is background."""
    return np.array([[0 if one == "." else int(one) for one in row] for row in rows], np.uint8)


TWO = mask_of(
    "1111....",
    "1..1..2.",
    "1111..22",
    "........",
    "....1...",
)


def test_each_region_has_a_box_an_area_and_its_class() -> None:
    ring, bike, dot = find_regions(TWO, (1, 2))
    assert ring == Region(1, left=0, top=0, width=4, height=3, area=10, score=10 / 12)
    assert bike == Region(2, left=6, top=1, width=2, height=2, area=3, score=3 / 4)
    assert dot == Region(1, left=4, top=4, width=1, height=1, area=1, score=1)


def test_only_the_classes_that_are_wanted_are_looked_for() -> None:
    assert [region.value for region in find_regions(TWO, (2,))] == [2]
    assert find_regions(TWO, (7,)) == find_regions(TWO, ()) == []


def test_what_touches_is_one_whatever_it_shows_and_other_classes_part_it() -> None:
    assert len(find_regions(mask_of("11...", "..11."), (1,))) == 1
    assert len(find_regions(mask_of("11.11"), (1,))) == 2
    assert len(find_regions(mask_of("11211"), (1, 2))) == 3


@pytest.mark.parametrize(
    ("least", "most", "areas"), [(2, 0, [10, 3]), (1, 9, [3, 1]), (4, 5, []), (10, 10, [10])]
)
def test_limits_of_size_are_inclusive(least: int, most: int, areas: list[int]) -> None:
    assert [region.area for region in find_regions(TWO, (1, 2), least, most)] == areas


def test_the_score_is_the_mean_confidence_of_the_regions_own_pixels() -> None:
    confidence = np.where(TWO == 1, 204, 0).astype(np.uint8)
    confidence[1, 6] = 255
    ring, bike, _ = find_regions(TWO, (1, 2), confidence=confidence)
    assert ring.score == pytest.approx(0.8)
    assert bike.score == pytest.approx(1 / 3)


def test_the_temperatures_are_those_of_the_regions_own_known_pixels() -> None:
    temperatures = np.where(TWO == 2, 30, 90).astype(np.float32)
    temperatures[1, 6] = 36.5
    temperatures[4, 4] = temperatures[0, 0] = np.nan
    ring, bike, dot = find_regions(TWO, (1, 2), temperatures=temperatures)
    assert (ring.warmest, ring.median) == (90, 90)
    assert (bike.warmest, bike.median) == (36.5, 30)
    assert (dot.warmest, dot.median) == (None, None)
