from mtvif_ros.replay.findings import about_answers
from mtvif_ros.replay.summary import Finding


def test_answers_from_one_camera_are_told_with_their_times() -> None:
    states = [(0.0, "rgb+ir"), (2.0, "rgb"), (3.0, "rgb+ir"), (5.0, ""), (6.0, "ir")]
    found = about_answers(states, {"rgb": "/rgb", "ir": "/ir"}, 7.5)
    assert list(found) == [
        Finding("alone", ((2.0, 3.0),), "The node answered from /rgb alone from 2.0 to 3.0 s."),
        Finding("alone", ((6.0, 7.5),), "The node answered from /ir alone from 6.0 to 7.5 s."),
        Finding(
            "alone",
            ((5.0, 6.0),),
            "The node gave no answer from 5.0 to 6.0 s.",
        ),
    ]


def test_the_moment_before_the_first_frame_has_come_is_no_fault() -> None:
    assert not list(about_answers([(0.0, ""), (0.03, "rgb+ir")], {"rgb": "/rgb"}, 5.0))
    (found,) = about_answers([(0.0, ""), (0.6, "rgb+ir")], {"rgb": "/rgb"}, 5.0)
    assert found.spells == ((0.0, 0.6),)


def test_many_spells_are_summed_up() -> None:
    states = [(float(second), "rgb" if second % 2 else "rgb+ir") for second in range(20)]
    (found,) = about_answers(states, {"rgb": "/rgb"}, 20.0)
    assert found.sentence.endswith(
        "10 times, 10.0 s in all, first from 1.0 to 2.0 s, longest from 1.0 to 2.0 s."
    )
