import pytest

from mtvif_ros.pairing.message_filters_policy import MessageFiltersSynchronizer
from mtvif_ros.pairing.synchronizer import Stream

MS = 1_000_000


def is_installed() -> bool:
    try:
        import message_filters  # noqa: F401
    except ModuleNotFoundError:
        return False
    return True


needs_it = pytest.mark.skipif(not is_installed(), reason="message_filters has no wheel; ROS from apt has it")


@pytest.mark.skipif(is_installed(), reason="message_filters is installed")
def test_without_message_filters_the_policy_says_what_to_do() -> None:
    told = r"sync.policy exact: needs message_filters.*set sync.policy to nearest"
    with pytest.raises(ModuleNotFoundError, match=told):
        MessageFiltersSynchronizer("exact", 20 * MS)


@needs_it
@pytest.mark.parametrize("policy", ["approximate", "exact"])
def test_every_frame_ends_in_one_count(policy: str) -> None:
    sync: MessageFiltersSynchronizer[int] = MessageFiltersSynchronizer(policy, 20 * MS, queue_size=4)
    distance = 5 * MS if policy == "approximate" else 0
    pairs = []
    for number in range(20):
        stamp = number * 33 * MS
        pairs += sync.add(Stream.RGB, stamp, number, stamp)
        if number % 2:
            pairs += sync.add(Stream.IR, stamp + distance, number, stamp)
    pairs += sync.add(Stream.RGB, 19 * 33 * MS + 90 * MS, 99, 0)
    sync.add(Stream.RGB, 19 * 33 * MS + 90 * MS, 100, 0)
    sync.flush()
    assert [(pair.rgb, pair.distance) for pair in pairs] == [(n, distance) for n in range(1, 20, 2)]
    assert sync.counts(Stream.RGB).total == 22
    assert sync.counts(Stream.RGB).duplicate == 1
    assert sync.counts(Stream.IR).paired == sync.counts(Stream.IR).total == 10


@needs_it
@pytest.mark.parametrize("sign", [-1, 1])
def test_clocks_decades_apart_are_paired(sign: int) -> None:
    apart = 1_700_000_000_000 * MS
    sync: MessageFiltersSynchronizer[int] = MessageFiltersSynchronizer("exact", 20 * MS, offset=sign * apart)
    late, early = (Stream.RGB, Stream.IR) if sign < 0 else (Stream.IR, Stream.RGB)
    assert sync.add(late, 33 * MS + apart, 1, 0) == []
    assert [pair.distance for pair in sync.add(early, 33 * MS, 2, 0)] == [0]
