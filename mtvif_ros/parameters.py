"""Declare every parameter of the node once: name, default, description and range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mtvif_ros.engines.load import BACKENDS

if TYPE_CHECKING:
    from rclpy.node import Node


@dataclass(frozen=True)
class Parameter:
    """Describe one parameter; `low` and `high` bound numbers, `choices` lists allowed texts."""

    name: str
    default: bool | int | float | str
    description: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    def problem_with(self, value: Any) -> str | None:
        """Return what is wrong with a value, naming what is allowed, or None."""
        if self.choices and value not in self.choices:
            return f"{self.name}: {value!r} is not one of {', '.join(self.choices)}"
        if self.low is not None and not self.low <= value <= (self.high or value):
            return f"{self.name}: {value} is not within {self.low} .. {self.high}"
        return None


PARAMETERS = (
    Parameter("autostart", True, "Configure and activate at start, without a lifecycle manager."),
    Parameter("model", "", "Model file; empty for the shipped one that the backend runs best."),
    Parameter("backend", "auto", "Engine that runs the model.", choices=("auto", *BACKENDS)),
    Parameter(
        "device", "", "openvino: CPU, GPU or NPU; onnxruntime: CPU, CUDA or TensorRT; empty for the CPU."
    ),
    Parameter("threads", 0, "CPU threads for inference; 0 for the backend's choice.", 0, 1024),
    Parameter("sync.slop", 0.02, "Largest distance in s between the stamps of a pair.", 0.0001, 10.0),
    Parameter("sync.queue_size", 10, "Frames of each camera kept while they wait.", 1, 1000),
    Parameter("sync.max_wait", 0.2, "Longest wait in s for a partner.", 0.001, 60.0),
    Parameter(
        "sync.offset",
        0.0,
        "Infrared stamps minus visible stamps, in s, when constant.",
        -60.0,
        60.0,
    ),
    Parameter("thermal.low", 0.5, "Percentile of 16-bit infrared that becomes black.", 0.0, 100.0),
    Parameter("thermal.high", 99.5, "Percentile of 16-bit infrared that becomes white.", 0.0, 100.0),
    Parameter("thermal.follow", 0.1, "Share of the way that the range follows each frame.", 0.001, 1.0),
    Parameter("thermal.fixed_low", 0.0, "Raw count that becomes black, for a fixed range.", 0.0, 65535.0),
    Parameter(
        "thermal.fixed_high",
        0.0,
        "Raw count that becomes white, for a fixed range; 0 for percentiles.",
        0.0,
        65535.0,
    ),
    Parameter("thermal.invert", False, "Show cold things bright, for white-cold cameras."),
)


class ParameterError(ValueError):
    """Say which parameter has a value that is not allowed."""


def declare_parameters(node: Node) -> None:
    """Declare all parameters on a node, with their descriptions and ranges."""
    from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor

    for parameter in PARAMETERS:
        descriptor = ParameterDescriptor(description=parameter.description, read_only=True)
        if parameter.choices:
            descriptor.additional_constraints = "one of: " + ", ".join(parameter.choices)
        if parameter.low is not None and parameter.high is not None:
            if isinstance(parameter.default, int):
                bounds = IntegerRange(from_value=int(parameter.low), to_value=int(parameter.high))
                descriptor.integer_range = [bounds]
            else:
                span = FloatingPointRange(from_value=parameter.low, to_value=parameter.high)
                descriptor.floating_point_range = [span]
        node.declare_parameter(parameter.name, parameter.default, descriptor)


def read_parameters(node: Node) -> dict[str, Any]:
    """Return all values by name. Raises ParameterError naming each value that is not allowed."""
    values = {p.name: node.get_parameter(p.name).value for p in PARAMETERS}
    problems = [p.problem_with(values[p.name]) for p in PARAMETERS]
    wrong = [problem for problem in problems if problem]
    if wrong:
        raise ParameterError("; ".join(wrong))
    return values


def markdown_table() -> str:
    """Return all parameters as the table that the README shows."""
    lines = ["| parameter | default | allowed | |", "| --- | --- | --- | --- |"]
    for p in PARAMETERS:
        allowed = ", ".join(p.choices)
        if p.low is not None:
            allowed = f"{p.low} .. {p.high}"
        default = str(p.default).lower() if isinstance(p.default, bool) else p.default
        lines.append(f"| `{p.name}` | {default} | {allowed} | {p.description} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown_table())
