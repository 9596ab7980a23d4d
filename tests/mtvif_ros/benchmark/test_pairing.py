import pytest

from mtvif_ros.benchmark.pairing import SCENARIOS, Streams, events, main, measure, true_pairs
from mtvif_ros.pairing.synchronizer import Synchronizer


@pytest.mark.parametrize("streams", SCENARIOS, ids=lambda streams: streams.name)
def test_nearest_finds_every_true_pair(streams: Streams) -> None:
    frames = events(streams, 10.0, seed=1)
    outcome = measure(Synchronizer(round(streams.slop * 1e6)), frames, true_pairs(frames, streams.slop))
    assert outcome.found == 1.0
    assert outcome.wrong < 0.02


def test_true_pairs_are_mutual_and_within_the_slop() -> None:
    frames = events(Streams("", ir_rate=15.0, jitter=1.0), 2.0, seed=0)
    pairs = true_pairs(frames, 20.0)
    assert len(pairs) == 30
    assert {ir for _, (_, ir) in pairs} == set(range(30))


def test_the_table_has_a_line_for_every_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--seconds", "2"])
    shown = capsys.readouterr().out
    assert all(f"| {streams.name} | nearest |" in shown for streams in SCENARIOS)
