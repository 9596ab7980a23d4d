"""Put a monitor's report into diagnostic_msgs."""

from __future__ import annotations

from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from mtvif_ros.node.health import Report


def diagnostic_message(report: Report, name: str, engine: str, stamp: Any) -> DiagnosticArray:
    """Return the message for `/diagnostics`; `name` is the node's, `engine` its description."""
    status = DiagnosticStatus(
        level=bytes([report.level]), name=f"{name}: fusion", message=report.message, hardware_id=engine
    )
    status.values = [KeyValue(key=key, value=value) for key, value in report.values.items()]
    message = DiagnosticArray(status=[status])
    message.header.stamp = stamp
    return message
