"""Compare pairing policies on streams with jitter, loss, different rates and a looping bag.

python -m mtvif_ros.benchmark.pairing

Without message_filters, only this package's own policy runs.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mtvif_ros.command_line import command_parser, whole_number
from mtvif_ros.pairing.message_filters_policy import AnySynchronizer, MessageFiltersSynchronizer
from mtvif_ros.pairing.synchronizer import Stream, Synchronizer

_MS = 1_000_000
_SECONDS = 60.0


@dataclass(frozen=True)
class Streams:
    """Describe two cameras that see the same moments; times are in ms.

    rgb_rate, ir_rate: Hz. jitter: standard deviation of each stamp. delay_jitter: standard deviation of the
    delay from stamp to arrival. dropped: share of frames that each camera drops. loops: how often the same
    stamps come, as from a looping bag. slop: largest distance within a pair.
    """

    name: str
    rgb_rate: float = 30.0
    ir_rate: float = 30.0
    jitter: float = 0.0
    delay_jitter: float = 0.0
    dropped: float = 0.0
    loops: int = 1
    slop: float = 20.0


SCENARIOS = (
    Streams("in step"),
    Streams("jitter 3 ms", jitter=3.0, delay_jitter=3.0),
    Streams("jitter 3 ms, a tenth dropped", jitter=3.0, delay_jitter=3.0, dropped=0.1),
    Streams("30 and 9 Hz", ir_rate=9.0, jitter=1.0),
    Streams("30 and 15 Hz, looping 3 times", ir_rate=15.0, jitter=1.0, loops=3),
    Streams("jitter 3 ms, slop 50 ms", jitter=3.0, dropped=0.1, slop=50.0),
)


class Event(NamedTuple):
    """Hold a frame's time of arrival in ns, its stream, its stamp in ns, and its (pass, number)."""

    arrival: int
    stream: Stream
    stamp: int
    frame: tuple[int, int]


class Outcome(NamedTuple):
    """Hold the results of a policy: shares 0..1, times in ms, CPU in µs per frame."""

    found: float
    wrong: float
    distance: float
    delay_p50: float
    delay_p99: float
    cpu: float


def events(streams: Streams, seconds: float, seed: int) -> list[Event]:
    """Return all frames of all passes in the order of arrival."""
    rng = np.random.default_rng(seed)
    passes: list[list[Event]] = []
    once: list[Event] = []
    for stream, rate in ((Stream.RGB, streams.rgb_rate), (Stream.IR, streams.ir_rate)):
        count = int(seconds * rate)
        moments = np.arange(count) / rate * 1e3
        stamps = moments + np.clip(rng.standard_normal(count), -3, 3) * streams.jitter
        arrivals = np.maximum.accumulate(
            stamps + 5 + np.abs(rng.standard_normal(count)) * streams.delay_jitter
        )
        for number in np.flatnonzero(rng.random(count) >= streams.dropped):
            stamp, arrival = round(stamps[number] * _MS), round(arrivals[number] * _MS)
            once.append(Event(arrival, stream, 10**15 + stamp, (0, int(number))))
    once.sort()
    length = round(seconds * 1e3 * _MS)
    for number in range(streams.loops):
        passes.append(
            [e._replace(arrival=e.arrival + number * length, frame=(number, e.frame[1])) for e in once]
        )
    return [event for one in passes for event in one]


def true_pairs(all_events: Sequence[Event], slop: float) -> set[tuple[tuple[int, int], tuple[int, int]]]:
    """Return the (visible, infrared) frames of one pass that are each other's nearest within `slop` ms."""
    found = set()
    for number in {event.frame[0] for event in all_events}:
        sides = [
            sorted((e.stamp, e.frame) for e in all_events if e.stream is stream and e.frame[0] == number)
            for stream in Stream
        ]
        stamps = [np.array([stamp for stamp, _ in side]) for side in sides]
        nearest = [_nearest(stamps[0], stamps[1]), _nearest(stamps[1], stamps[0])]
        for index, partner in enumerate(nearest[0]):
            distance = abs(stamps[0][index] - stamps[1][partner])
            if nearest[1][partner] == index and distance <= slop * _MS:
                found.add((sides[0][index][1], sides[1][partner][1]))
    return found


def _nearest(wanted: np.ndarray, among: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    right = np.clip(np.searchsorted(among, wanted), 1, len(among) - 1)
    return np.where(wanted - among[right - 1] <= among[right] - wanted, right - 1, right)


def measure(
    sync: AnySynchronizer[Event],
    all_events: Sequence[Event],
    truth: set[tuple[tuple[int, int], tuple[int, int]]],
) -> Outcome:
    """Feed all frames to a synchronizer and poll it every 50 ms of simulated time."""
    given, distances, delays = set(), [], []
    polled = all_events[0].arrival
    start = time.process_time()
    for event in all_events:
        pairs = []
        while polled + 50 * _MS < event.arrival:
            polled += 50 * _MS
            pairs += [(polled, pair) for pair in sync.poll(polled)]
        pairs += [(event.arrival, pair) for pair in sync.add(event.stream, event.stamp, event, event.arrival)]
        for when, pair in pairs:
            given.add((pair.rgb.frame, pair.ir.frame))
            distances.append(abs(pair.distance) / _MS)
            delays.append((when - max(pair.rgb.arrival, pair.ir.arrival)) / _MS)
    cpu = (time.process_time() - start) / len(all_events) * 1e6
    p50, p99 = np.percentile(delays, (50, 99)) if delays else (np.nan, np.nan)
    return Outcome(
        len(given & truth) / len(truth),
        len(given - truth) / max(1, len(given)),
        float(np.mean(distances)) if distances else float("nan"),
        float(p50),
        float(p99),
        cpu,
    )


def policies(slop: float) -> Iterator[tuple[str, AnySynchronizer[Event]]]:
    """Yield the name and a synchronizer of every installed policy, with queues of 10."""
    nanoseconds = round(slop * _MS)
    yield "nearest", Synchronizer(nanoseconds)
    for name in ("approximate", "exact"):
        try:
            yield name, MessageFiltersSynchronizer(name, nanoseconds)
        except ModuleNotFoundError as error:
            print(error, file=sys.stderr)


def table(seconds: float, seed: int) -> str:
    """Return the comparison as a markdown table."""
    lines = [
        "| streams | policy | true pairs found | wrong pairs | mean distance ms | delay p50 ms | p99 ms "
        "| CPU µs per frame |",
        "| --- " * 8 + "|",
    ]
    for streams in SCENARIOS:
        all_events = events(streams, seconds, seed)
        truth = true_pairs(all_events, streams.slop)
        for name, sync in policies(streams.slop):
            o = measure(sync, all_events, truth)
            lines.append(
                f"| {streams.name} | {name} | {o.found:.1%} | {o.wrong:.1%} | {o.distance:.2f} | "
                f"{o.delay_p50:.1f} | {o.delay_p99:.1f} | {o.cpu:.1f} |"
            )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("python -m mtvif_ros.benchmark.pairing", __doc__)
    parser.add_argument("--seconds", type=whole_number(1), default=_SECONDS, help="length of each stream")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    print(table(options.seconds, options.seed))


if __name__ == "__main__":
    main()
