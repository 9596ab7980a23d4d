"""Declare every parameter of the node once: name, default, description, range, and when it may change."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, Any

from mtvif_ros.engines.load import BACKENDS
from mtvif_ros.imaging.registration import IDENTITY

if TYPE_CHECKING:
    from rclpy.node import Node

Values = dict[str, Any]
Apply = Callable[[Values, Collection[str]], None]
_Default = bool | int | float | str | tuple[float, ...]
TRANSPORTS = ("raw", "compressed")
POLICIES = ("nearest", "approximate", "exact")


@dataclass(frozen=True)
class Parameter:
    """Describe one parameter; `low` and `high` bound numbers, `choices` lists allowed texts.

    `live` ones may change while the node runs, the others only until it is configured.
    """

    name: str
    default: _Default
    description: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    live: bool = False

    def problem_with(self, value: Any) -> str | None:
        """Return what is wrong with a value, naming what is allowed, or None."""
        if self.choices and value not in self.choices:
            return f"{self.name}: {value!r} is not one of {', '.join(self.choices)}"
        if self.low is not None and not self.low <= value <= (self.high or value):
            return f"{self.name}: {value} is not within {self.low} .. {self.high}"
        return None


def _live(
    name: str, default: _Default, description: str, low: float | None = None, high: float | None = None
) -> Parameter:
    return Parameter(name, default, description, low, high, live=True)


PARAMETERS = (
    Parameter("autostart", True, "Configure and activate at start, without a lifecycle manager."),
    Parameter("model", "", "Model file; empty for the shipped one that the backend runs best."),
    Parameter("backend", "auto", "Engine that runs the model.", choices=("auto", *BACKENDS)),
    Parameter(
        "device", "", "openvino: CPU, GPU or NPU; onnxruntime: CPU, CUDA or TensorRT; empty for the CPU."
    ),
    Parameter("threads", 0, "CPU threads for inference; 0 for the backend's choice.", 0, 1024),
    Parameter("rgb.transport", "raw", "`compressed` takes TOPIC/compressed (jpeg, png).", choices=TRANSPORTS),
    Parameter("ir.transport", "raw", "The same for infrared; png may hold 16 bits.", choices=TRANSPORTS),
    Parameter(
        "sync.policy",
        "nearest",
        "How frames are paired; the others need message_filters and count less.",
        choices=POLICIES,
    ),
    _live("sync.slop", 0.02, "Largest distance in s between the stamps of a pair.", 0.0001, 10.0),
    Parameter("sync.queue_size", 10, "Frames of each camera kept while they wait.", 1, 1000),
    Parameter("sync.max_wait", 0.2, "Longest wait in s for a partner.", 0.001, 60.0),
    Parameter("sync.offset", 0.0, "Infrared stamps minus visible stamps, in s, when constant.", -60.0, 60.0),
    _live("thermal.low", 0.5, "Percentile of 16-bit infrared that becomes black.", 0.0, 100.0),
    _live("thermal.high", 99.5, "Percentile of 16-bit infrared that becomes white.", 0.0, 100.0),
    _live("thermal.follow", 0.1, "Share of the way that the range follows each frame.", 0.001, 1.0),
    _live("thermal.fixed_low", 0.0, "What becomes black with a fixed range.", -1000.0, 65535.0),
    _live(
        "thermal.fixed_high", 0.0, "What becomes white; equal to fixed_low for percentiles.", -1000.0, 65535.0
    ),
    _live("thermal.gain", 1.0, "Unit of the fixed range a raw count, such as 0.01 for TLinear.", 1e-6, 1e3),
    _live("thermal.offset", 0.0, "Added to that, such as -273.15 for °C.", -1e5, 1e5),
    _live("thermal.invert", False, "Show cold things bright, for white-cold cameras."),
    _live("registration.file", "", "What mtvif_calibrate wrote; empty for the homography below."),
    _live(
        "registration.homography",
        IDENTITY,
        "Infrared, stretched to the visible size, to visible pixels; nine numbers, row by row.",
    ),
    _live("overlay.opacity", 0.5, "Of the classes' colours over the fused image.", 0.0, 1.0),
)
_BY_NAME = {parameter.name: parameter for parameter in PARAMETERS}


class ParameterError(ValueError):
    """Say which parameter has a value that is not allowed."""


def declare_parameters(node: Node) -> None:
    """Declare all parameters on a node, with their descriptions and ranges."""
    from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor

    for parameter in PARAMETERS:
        descriptor = ParameterDescriptor(description=parameter.description)
        if parameter.choices:
            descriptor.additional_constraints = "one of: " + ", ".join(parameter.choices)
        if parameter.low is not None and parameter.high is not None:
            if isinstance(parameter.default, int):
                bounds = IntegerRange(from_value=int(parameter.low), to_value=int(parameter.high))
                descriptor.integer_range = [bounds]
            else:
                span = FloatingPointRange(from_value=parameter.low, to_value=parameter.high)
                descriptor.floating_point_range = [span]
        default = parameter.default
        node.declare_parameter(
            parameter.name, list(default) if isinstance(default, tuple) else default, descriptor
        )


def overlooked_parameters(node: Node) -> list[str]:
    """Return a line for each parameter that was given at the start and that there is not.

    ROS drops these without a word. Those of quality of service are declared later and do not count.
    """
    # rclpy has no public way to ask; a version without it tells nothing.
    given = getattr(node, "_parameter_overrides", {})
    unknown = [
        name for name in given if not node.has_parameter(name) and not name.startswith("qos_overrides.")
    ]
    return [
        f"parameter {name}: there is none of that name, so it changes nothing{_meant(name)}"
        for name in unknown
    ]


def _meant(name: str) -> str:
    close = get_close_matches(name, _BY_NAME, 1)
    return f"; did you mean {close[0]}?" if close else ""


def read_parameters(node: Node) -> Values:
    """Return all values by name. Raises ParameterError naming each value that is not allowed."""
    values = _values(node)
    _check(values)
    return values


def watch_parameters(node: Node, is_configured: Callable[[], bool], apply: Apply) -> None:
    """Let live parameters change at any time and the others until the node is configured.

    `apply` takes all values and the names of those that change, and may refuse them by raising ValueError;
    it is called when the node is configured. A refusal names the parameter, what was wrong and what to do.
    """
    node.add_on_set_parameters_callback(partial(_changed, node, is_configured, apply))


def _changed(node: Node, is_configured: Callable[[], bool], apply: Apply, given: Iterable[Any]) -> Any:
    from rcl_interfaces.msg import SetParametersResult

    changes = {one.name: one.value for one in given if one.name in _BY_NAME}
    values = {**_values(node), **changes}
    fixed = [name for name in changes if not _BY_NAME[name].live]
    try:
        if fixed and is_configured():
            raise ParameterError(
                f"{', '.join(fixed)}: is read at configure; deactivate and clean up the node first"
            )
        _check({name: values[name] for name in changes})
        if changes and is_configured():
            apply(values, changes.keys())
    except ValueError as error:
        return SetParametersResult(successful=False, reason=str(error))
    return SetParametersResult(successful=True)


def _values(node: Node) -> Values:
    return {name: node.get_parameter(name).value for name in _BY_NAME}


def _check(values: Mapping[str, Any]) -> None:
    problems = [_BY_NAME[name].problem_with(value) for name, value in values.items()]
    wrong = [problem for problem in problems if problem]
    if wrong:
        raise ParameterError("; ".join(wrong))


def markdown_table() -> str:
    """Return all parameters as the table that the README shows."""
    lines = ["| parameter | default | allowed | live | |", "| --- | --- | --- | --- | --- |"]
    for p in PARAMETERS:
        allowed = ", ".join(p.choices)
        if p.low is not None:
            allowed = f"{p.low} .. {p.high}"
        live = "yes" if p.live else ""
        lines.append(f"| `{p.name}` | {_shown(p.default)} | {allowed} | {live} | {p.description} |")
    return "\n".join(lines)


def _shown(default: _Default) -> str:
    if isinstance(default, tuple):
        return "identity"
    return str(default).lower() if isinstance(default, bool) else str(default)


if __name__ == "__main__":
    print(markdown_table())
