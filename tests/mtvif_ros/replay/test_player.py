import time
from pathlib import Path

import pytest

from mtvif_ros.recordings.make_bag import from_rendered, make_bag
from mtvif_ros.recordings.reader import BagReader, Record
from mtvif_ros.recordings.timing import Timing
from mtvif_ros.replay.player import FlowControl, play
from mtvif_ros.synthetic import SceneConfig

RECORDS = [Record("/rgb", "kind", number * 10**6, b"") for number in range(200)]


def test_records_go_out_in_order_and_not_before_their_time() -> None:
    moments: list[tuple[int, float]] = []
    begin = time.monotonic()
    play(iter(RECORDS), lambda record: moments.append((record.received, time.monotonic() - begin)), rate=4)
    assert [received for received, _ in moments] == [record.received for record in RECORDS]
    assert all(passed >= received / 1e9 / 4 - 1e-3 for received, passed in moments)


def test_a_clock_step_inside_a_recording_is_not_waited_for() -> None:
    step = 10**18  # 30 years
    records = [*RECORDS, *(record._replace(received=record.received + step) for record in RECORDS)]
    played: list[Record] = []
    begin = time.monotonic()
    play(iter([*records, *RECORDS]), played.append, rate=1e4)
    assert len(played) == 3 * len(RECORDS)
    assert time.monotonic() - begin < 5  # a gap that is cut to 10 s, at ten thousand times the speed


def test_what_publishing_raises_is_raised_and_ends_the_play() -> None:
    def publish(record: Record) -> None:
        raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        play(iter(RECORDS), publish)


def test_a_sqlite_bag_that_is_open_already_is_played(tmp_path: Path) -> None:
    scene = from_rendered(SceneConfig(width=64, height=48), 0.2)
    make_bag(scene, tmp_path / "bag", Timing(), storage="sqlite3")
    played: list[Record] = []
    with BagReader(tmp_path / "bag") as bag:
        for _ in range(2):
            play(bag.records(), played.append, may_go_on=lambda: True)
    assert len(played) == 2 * 18


class Node:
    """Count answers and time as a test wants them."""

    def __init__(self) -> None:
        self.answered = 0
        self.now = 0.0
        self.next = 0
        pairs = [(stamp, stamp + 1) for stamp in range(0, 2000, 10)]
        self.flow = FlowControl(pairs, lambda: self.answered, ahead=2, patience=5.0, clock=lambda: self.now)

    def send_while_allowed(self, most: int = 100) -> int:
        sent = 0
        while self.flow.may_go_on() and sent < most:
            self.flow.released(0, self.next)
            self.flow.released(1, self.next + 1)
            self.next += 10
            sent += 1
        return sent


def test_two_pairs_are_on_their_way() -> None:
    node = Node()
    assert node.send_while_allowed() == 2
    node.answered = 1
    assert node.send_while_allowed() == 1


def test_dropped_pairs_are_given_up_but_do_not_open_the_gate_for_good() -> None:
    node = Node()
    node.send_while_allowed()
    node.now = 4.9
    assert node.send_while_allowed() == 0
    node.now = 5.1
    assert node.send_while_allowed() == 2
    node.now = 6.0
    assert node.send_while_allowed() == 0
    node.answered = 2
    assert node.send_while_allowed() == 2


def test_the_partner_of_a_frame_is_not_held_up() -> None:
    node = Node()
    node.send_while_allowed(1)
    node.flow.released(1, 11)  # infrared first
    node.flow.released(0, 20)  # and the next pair's frame before its partner
    assert node.flow.may_go_on()
    node.flow.released(0, 10)
    assert node.flow.may_go_on()
    node.flow.released(1, 21)
    assert not node.flow.may_go_on()


def test_frames_that_belong_to_no_pair_or_come_twice_open_and_close_nothing() -> None:
    node = Node()
    node.flow.released(0, 5)
    assert node.send_while_allowed() == 2
    node.flow.released(0, 20)
    node.flow.released(0, 20)
    assert node.flow.may_go_on()
    node.flow.released(1, 21)
    assert not node.flow.may_go_on()


def test_a_partner_that_never_comes_does_not_open_the_gate_for_good() -> None:
    node = Node()
    node.flow.released(0, 0)  # its infrared frame, 1, is missing
    node.next = 10
    node.send_while_allowed(2)
    assert not node.flow.may_go_on()


def test_a_node_that_never_answers_is_not_waited_for_without_end() -> None:
    node = Node()
    sent = 0
    while node.now < 11 and sent < 100:
        sent += node.send_while_allowed()
        node.now += 0.001
    assert sent >= 20
