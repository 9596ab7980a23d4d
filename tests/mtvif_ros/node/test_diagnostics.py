from pathlib import Path

from builtin_interfaces.msg import Time

from mtvif_ros.engines import load_engine
from mtvif_ros.node.diagnostics import diagnostics_message, diagnostics_values
from tests.mtvif_ros.node.test_health import Watched, fed, look

__all__ = ["fed"]

ENDS = ("paired", "alone", "unpaired", "late", "duplicate", "overflowed")
CAMERA_KEYS = ("topic", "rate_hz", *ENDS, "zero_stamps", "still_s")
TIMES = ("latency_from_stamp", "latency_from_arrival", "inference", "outside_inference")


def test_diagnostics_have_the_keys_that_machines_read(fed: Watched) -> None:
    expected = [f"{camera}.{key}" for camera in ("rgb", "ir") for key in CAMERA_KEYS]
    expected += [
        "output.rate_hz",
        "pairs.answered",
        "pairs.superseded",
        "pairs.failed",
        "pairs.skipped",
        "alone.answered",
        "answers.rgb_only",
        "answers.ir_only",
        "pair_distance.p50_ms",
    ]
    expected += [f"{time}.{percentile}_ms" for time in TIMES for percentile in ("p50", "p95", "p99")]
    expected += ["process.cpu_cores", "process.memory_mb"]
    values = diagnostics_values(look(fed))
    assert list(values) == expected
    assert values["rgb.topic"] == "/cam/color"
    numbers = [float(value) for key, value in values.items() if not key.endswith(".topic")]
    assert len(numbers) == len(values) - 2


def test_latencies_are_missing_until_the_first_answer() -> None:
    values = diagnostics_values(look(Watched()))
    assert not any(key.endswith("_ms") for key in values)
    assert values["pairs.answered"] == "0"


def test_the_diagnostics_message_carries_level_reason_engine_and_size(fed: Watched, toy_model: Path) -> None:
    engine = load_engine(toy_model, "onnxruntime", threads=1)
    message = diagnostics_message(look(fed), "/front/fusion_node", engine, "lenses", Time(sec=3))
    (status,) = message.status
    assert (status.name, status.hardware_id) == ("/front/fusion_node: fusion", engine.description)
    assert (status.level, status.message, message.header.stamp.sec) == (b"\x00", "fusing", 3)
    assert (status.values[0].key, status.values[0].value) == ("model.size", "60x80")
    assert (status.values[1].key, status.values[1].value) == ("registration.by", "lenses")
    assert status.values[2].key == "rgb.topic"
