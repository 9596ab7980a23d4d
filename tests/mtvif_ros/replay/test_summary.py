from mtvif_ros.replay.summary import behind_newest, format_table, latencies, summarise_topic


def test_latency_counts_from_the_later_frame() -> None:
    pairs = [(1, 11), (2, 12)]
    sent = ({1: 5.0, 2: 6.0}, {11: 5.5, 12: 5.9})
    assert latencies(pairs, sent, {1: 6.0}) == {1: 0.5}


def test_an_answer_is_behind_the_newest_pair_that_was_there() -> None:
    pairs = [(1, 11), (2, 12), (3, 13)]
    sent = ({1: 5.0, 2: 6.0, 3: 7.0}, {11: 5.5, 12: 5.9, 13: 7.5})
    assert behind_newest(pairs, sent, {1: 6.2, 3: 9.0}) == [0.5, 0.0]


def test_unanswered_pairs_are_lost() -> None:
    summary = summarise_topic(3, [0.010, 0.020])
    assert (summary["answered"], summary["lost"], summary["latency_p50_ms"]) == (2, 1, 15.0)


def test_a_topic_that_never_answered_has_no_latency() -> None:
    summary = {"pairs": 2, "topics": {"/mtvif/fused": summarise_topic(2, [])}}
    assert format_table(summary).splitlines()[1].split() == ["/mtvif/fused", "2", "0", "2", "-", "-", "-"]
