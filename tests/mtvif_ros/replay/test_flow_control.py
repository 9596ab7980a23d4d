from mtvif_ros.replay.flow_control import FlowControl


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
