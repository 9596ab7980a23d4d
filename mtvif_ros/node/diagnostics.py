"""Say in a message for `/diagnostics` how the node does."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from mtvif_ros.engines import Engine
from mtvif_ros.node.health import HealthReport
from mtvif_ros.size import shown

if TYPE_CHECKING:
    from builtin_interfaces.msg import Time

REGISTRATION_BY = "registration.by"


def diagnostics_values(report: HealthReport) -> dict[str, str]:
    """Return every number of a report as plain decimal text, under keys that stay the same.

    Latencies are missing until the first pair is answered.
    """
    values: dict[str, str] = {}
    for stream, camera in report.cameras.items():
        name = stream.name.lower()
        values[f"{name}.topic"] = camera.topic
        values[f"{name}.rate_hz"] = f"{camera.rate_hz:.1f}"
        values |= {f"{name}.{end}": str(count) for end, count in asdict(camera.counts).items()}
        values[f"{name}.zero_stamps"] = str(camera.zero_stamps)
        values[f"{name}.still_s"] = f"{camera.still_s:.1f}"
    values["output.rate_hz"] = f"{report.output_rate_hz:.1f}"
    for name in ("answered", "superseded", "failed", "skipped"):
        values[f"pairs.{name}"] = str(getattr(report, name))
    values["alone.answered"] = str(report.alone)
    values |= {f"answers.{stream.name.lower()}_only": str(count) for stream, count in report.by_one.items()}
    if report.latencies is not None:
        if (distance := report.latencies.pair_distance_p50_ms) is not None:
            values["pair_distance.p50_ms"] = f"{distance:.1f}"
        for name, times in (
            ("latency_from_stamp", report.latencies.from_stamp),
            ("latency_from_arrival", report.latencies.from_arrival),
            ("inference", report.latencies.inference),
            ("outside_inference", report.latencies.outside_inference),
        ):
            values |= {f"{name}.{percentile}": f"{ms:.1f}" for percentile, ms in asdict(times).items()}
    values["process.cpu_cores"] = f"{report.cpu_cores:.2f}"
    values["process.memory_mb"] = f"{report.memory_mb:.1f}"
    return values


def diagnostics_message(
    report: HealthReport, node_name: str, engine: Engine, registration_by: str, stamp: Time
) -> DiagnosticArray:
    """Return the message for `/diagnostics`; `engine` is what runs the model now."""
    values = {
        "model.size": shown(engine.size),
        REGISTRATION_BY: registration_by,
        **diagnostics_values(report),
    }
    status = DiagnosticStatus(
        level=bytes([report.level]),
        name=f"{node_name}: fusion",
        message=report.message,
        hardware_id=engine.description,
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )
    message = DiagnosticArray(status=[status])
    message.header.stamp = stamp
    return message
