from mtvif_ros.recordings.pairs import mutual_nearest


def test_frames_pair_when_each_is_the_others_nearest() -> None:
    assert mutual_nearest([0, 30, 60], [2, 33, 95], 10) == [(0, 2), (30, 33)]


def test_a_frame_is_used_once() -> None:
    assert mutual_nearest([0, 3], [2], 10) == [(3, 2)]


def test_nothing_pairs_with_nothing() -> None:
    assert mutual_nearest([1, 2], [], 10) == []
