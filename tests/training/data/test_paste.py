import numpy as np
import pytest

from tests.training import tiny
from training.data.pairs import Sample
from training.data.paste import paste_things

SETS = tiny.street_sets()
PERSON, UNKNOWN = 2, SETS.every


def flat(light: int, heat: int, size: tuple[int, int] = (60, 80)) -> Sample:
    return Sample(
        "flat",
        np.full((*size, 3), light, np.uint8),
        np.full(size, heat, np.uint8),
        np.zeros(size, np.uint16),
    )


def with_person(light: int, heat: int, size: tuple[int, int] = (60, 80)) -> Sample:
    sample = flat(light, 40, size)
    sample.ir[20:40, 10:20] = heat
    sample.allowed[20:40, 10:20] = PERSON
    sample.allowed[:5] = UNKNOWN
    return sample


def pasted(sample: Sample, donor: Sample) -> list[Sample]:
    return [paste_things(sample, donor, SETS, np.random.default_rng(seed)) for seed in range(16)]


def test_frames_and_labels_of_a_thing_arrive_at_the_same_pixels() -> None:
    results = pasted(flat(100, 40), with_person(100, 220))
    given = [one for one in results if (one.allowed == PERSON).any()]
    assert 0 < len(given) < len(results)
    for one in given:
        np.testing.assert_array_equal(one.ir > 110, one.allowed == PERSON)
        assert set(np.unique(one.allowed)) == {0, PERSON}
    columns = {int(np.nonzero(one.allowed == PERSON)[1].min()) for one in given}
    assert columns == {10, 60}  # at its own place or mirrored


def test_a_thing_by_day_is_dimmed_for_the_night() -> None:
    given = next(one for one in pasted(flat(10, 40), with_person(200, 220)) if (one.allowed == PERSON).any())
    assert given.rgb[given.allowed == PERSON].max() <= 50


def test_the_pair_that_is_added_to_and_the_donor_stay_as_they_are() -> None:
    sample, donor = flat(100, 40), with_person(100, 220)
    pasted(sample, donor)
    assert (sample.ir == 40).all() and (donor.allowed == PERSON).sum() == 200


def test_a_donor_without_things_changes_nothing() -> None:
    sample = flat(100, 40)
    assert all(one is sample for one in pasted(sample, flat(50, 90)))


@pytest.mark.parametrize("size", [(30, 40), (120, 160)])
def test_a_donor_of_another_size_is_scaled(size: tuple[int, int]) -> None:
    donor = flat(100, 40, size)
    donor.allowed[size[0] // 2 :] = PERSON
    given = next(one for one in pasted(flat(100, 40), donor) if (one.allowed == PERSON).any())
    assert given.ir.shape == given.allowed.shape == (60, 80)
    assert (given.allowed[30:] == PERSON).all() and (given.allowed[:30] == 0).all()
