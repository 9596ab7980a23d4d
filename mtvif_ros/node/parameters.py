"""Declare every parameter of the node once; give its values typed; print the table for the documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields, is_dataclass, replace
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from mtvif_ros.engines.load import BACKENDS
from mtvif_ros.imaging.registration import IDENTITY
from mtvif_ros.size import read_size_or_auto

if TYPE_CHECKING:
    from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
    from rclpy.node import Node

Value = TypeVar("Value", bool, int, float, str, tuple[float, ...], tuple[str, ...])
Group = TypeVar("Group")

_QOS = "qos_overrides."


class ParameterError(ValueError):
    """Name the parameters whose values the node refuses, and say why."""


@dataclass(frozen=True)
class Parameter:
    """Describe one parameter.

    `bounds` are inclusive. `choices` lists the allowed texts, where they are few; `read` raises ValueError
    for a text of another form. A `live` parameter may change at any time, the others only while the node is
    unconfigured.
    """

    name: str
    default: Any
    description: str
    bounds: tuple[float, float] | None
    choices: tuple[str, ...]
    live: bool
    read: Callable[[str], object] | None

    def problem_with(self, value: Any) -> str | None:
        """Return what is wrong with a value and what is allowed, or None."""
        if self.choices and value not in self.choices:
            return f"{self.name}: {value!r} is not one of {', '.join(self.choices)}"
        if self.bounds and not self.bounds[0] <= value <= self.bounds[1]:
            return f"{self.name}: {value} is not within {self.bounds[0]} .. {self.bounds[1]}"
        if self.read:
            try:
                self.read(value)
            except ValueError as error:
                return f"{self.name}: {error}"
        return None

    def descriptor(self) -> ParameterDescriptor:
        """Return the description and the range for `ros2 param describe` and rqt."""
        from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor

        descriptor = ParameterDescriptor(description=self.description)
        if self.choices:
            descriptor.additional_constraints = "one of: " + ", ".join(self.choices)
        if self.bounds and isinstance(self.default, int):
            first, last = (int(bound) for bound in self.bounds)
            descriptor.integer_range = [IntegerRange(from_value=first, to_value=last)]
        elif self.bounds:
            low, high = self.bounds
            descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
        return descriptor


def _parameter(
    default: Value,
    description: str,
    bounds: tuple[float, float] | None = None,
    choices: tuple[str, ...] = (),
    live: bool = False,
    read: Callable[[str], object] | None = None,
) -> Value:
    parameter = Parameter("", default, description, bounds, choices, live, read)
    declared: Value = field(default=default, metadata={"parameter": parameter})
    return declared


@dataclass(frozen=True)
class Sizing:
    """Say at which size a model file of open size computes: the parameters `model.…`."""

    size: str = _parameter(
        "auto",
        "HEIGHTxWIDTH for a file of open size; `auto` fits it to the camera and `model.rate`.",
        read=read_size_or_auto,
    )
    rate: float = _parameter(30.0, "Rate that `model.size: auto` keeps, in Hz.", (0.1, 1000.0))


@dataclass(frozen=True)
class Camera:
    """Say how a camera sends its images: the parameters `rgb.…` and `ir.…`."""

    transport: str = _parameter(
        "raw",
        "`compressed` subscribes to TOPIC/compressed (JPEG or PNG; a PNG may carry 16 bits).",
        choices=("raw", "compressed"),
    )


@dataclass(frozen=True)
class Sync:
    """Say which frames make a pair: the parameters `sync.…`."""

    policy: str = _parameter(
        "nearest",
        "Pairing policy; `approximate` and `exact` need message_filters and count less.",
        choices=("nearest", "approximate", "exact"),
    )
    by: str = _parameter(
        "stamp",
        "`arrival` for clocks that cannot be compared.",
        choices=("stamp", "arrival"),
    )
    slop: float = _parameter(
        0.02, "Largest distance between the stamps of a pair, in s.", (0.0001, 10.0), live=True
    )
    queue_size: int = _parameter(10, "Frames of each camera that may wait for a partner.", (1, 1000))
    max_wait: float = _parameter(0.2, "Longest time that a frame waits for a partner, in s.", (0.001, 60.0))
    offset: float = _parameter(
        0.0, "Constant offset of the clocks, infrared minus visible stamp, in s.", (-4e9, 4e9)
    )


@dataclass(frozen=True)
class Fallback:
    """Say when one camera is enough: the parameters `fallback.…`."""

    mode: str = _parameter(
        "any",
        "Camera that the node goes on with when the other is lost; `none` waits for the other.",
        choices=("any", "visible", "infrared", "none"),
        live=True,
    )
    after: float = _parameter(
        0.5,
        "Time for which a camera is silent or repeats its picture before it is lost, in s.",
        (0.05, 60.0),
        live=True,
    )


@dataclass(frozen=True)
class Rate:
    """Say how often the node answers: the parameters `rate.…`."""

    maximum: float = _parameter(
        0.0, "Largest number of answers a second; 0 answers every pair.", (0.0, 1000.0), live=True
    )


@dataclass(frozen=True)
class Thermal:
    """Say how 16-bit infrared becomes 8-bit: the parameters `thermal.…`."""

    low: float = _parameter(0.5, "Percentile of 16-bit infrared shown black.", (0.0, 100.0), live=True)
    high: float = _parameter(99.5, "Percentile of 16-bit infrared shown white.", (0.0, 100.0), live=True)
    follow: float = _parameter(
        0.1, "Share of each frame's change that the percentile range follows.", (0.001, 1.0), live=True
    )
    fixed_low: float = _parameter(0.0, "Value shown black in a fixed range.", (-1000.0, 65535.0), live=True)
    fixed_high: float = _parameter(
        0.0,
        "Value shown white in a fixed range; equal to `thermal.fixed_low` for percentiles.",
        (-1000.0, 65535.0),
        live=True,
    )
    gain: float = _parameter(
        1.0,
        "Value of one raw count, such as 0.01 for TLinear.",
        (1e-6, 1e3),
        live=True,
    )
    offset: float = _parameter(0.0, "Value of raw count 0, such as -273.15 for °C.", (-1e5, 1e5), live=True)
    invert: bool = _parameter(False, "Invert the brightness, for white-cold cameras.", live=True)


@dataclass(frozen=True)
class Calibration:
    """Say how infrared lies on the visible frame: the parameters `registration.…`."""

    file: str = _parameter("", "Calibration file from mtvif_calibrate; empty uses the homography.", live=True)
    homography: tuple[float, ...] = _parameter(
        IDENTITY,
        "Nine numbers, row by row: infrared pixels, scaled to the visible size, to visible pixels.",
        live=True,
    )
    distance: float = _parameter(
        0.0,
        "Distance in m for which both lenses are matched; 0: the homography.",
        (0.0, 10000.0),
        live=True,
    )


@dataclass(frozen=True)
class Confidence:
    """Say how certain the mask has to be: the parameters `confidence.…`."""

    minimum: float = _parameter(
        0.0,
        "Pixels that are less certain have 255 in the mask.",
        (0.0, 1.0),
        live=True,
    )


@dataclass(frozen=True)
class Detections:
    """Say which regions of the mask are detections: the parameters `detections.…`."""

    # ROS cannot tell what an empty list is a list of.
    classes: tuple[str, ...] = _parameter(
        ("",), "Classes to detect; by default all but the first.", live=True
    )
    min_area: int = _parameter(100, "Fewest pixels of a detection.", (1, 1_000_000_000), live=True)
    max_area: int = _parameter(
        0, "Most pixels of a detection; 0 for any number.", (0, 1_000_000_000), live=True
    )


@dataclass(frozen=True)
class Overlay:
    """Say how the overlay looks: the parameters `overlay.…`."""

    opacity: float = _parameter(
        0.5, "Opacity of the class colours over the fused image.", (0.0, 1.0), live=True
    )
    boxes: bool = _parameter(True, "Draw the detections, too.", live=True)


@dataclass(frozen=True)
class Parameters:
    """Hold all values; `parameters.sync.slop` is the ROS parameter `sync.slop`."""

    autostart: bool = _parameter(
        True, "Configure and activate at start; false leaves that to a lifecycle manager."
    )
    model: str = _parameter("", "Model file; empty for the shipped one that suits the backend.")
    # ROS has `model` beside `model.size`; a class cannot have both under one name.
    sizing: Sizing = field(default=Sizing(), metadata={"name": "model"})
    backend: str = _parameter(
        "auto",
        "Engine that runs the model; `auto` takes the first that works here.",
        choices=("auto", *BACKENDS),
    )
    device: str = _parameter(
        "", "openvino: CPU, GPU or NPU; onnxruntime: CPU, CUDA or TensorRT; empty for the CPU."
    )
    threads: int = _parameter(0, "CPU threads for inference; 0 leaves it to the backend.", (0, 1024))
    rgb: Camera = Camera()
    ir: Camera = Camera()
    sync: Sync = Sync()
    fallback: Fallback = Fallback()
    lazy: bool = _parameter(
        True, "While nobody listens, compute nothing and unsubscribe from the cameras.", live=True
    )
    rate: Rate = Rate()
    thermal: Thermal = Thermal()
    registration: Calibration = Calibration()
    confidence: Confidence = Confidence()
    detections: Detections = Detections()
    overlay: Overlay = Overlay()


def _declared(group: Any, prefix: str = "") -> Iterator[Parameter]:
    for one in fields(group):
        name = prefix + _ros_name(one)
        if "parameter" in one.metadata:
            yield replace(one.metadata["parameter"], name=name)
        else:
            yield from _declared(getattr(group, one.name), f"{name}.")


def _ros_name(one: Field[Any]) -> str:
    return str(one.metadata.get("name", one.name))


PARAMETERS = {parameter.name: parameter for parameter in _declared(Parameters())}


def typed(values: Mapping[str, Any]) -> Parameters:
    """Return values given by ROS name, the others at their defaults.

    Raises ParameterError naming each value that is not allowed.
    """
    check(values)
    return _filled(Parameters(), values)


def check(values: Mapping[str, Any]) -> None:
    """Raise ParameterError naming each value, by ROS name, that is not allowed."""
    problems = [PARAMETERS[name].problem_with(value) for name, value in values.items()]
    if any(problems):
        raise ParameterError("; ".join(problem for problem in problems if problem))


def _filled(group: Group, values: Mapping[str, Any], prefix: str = "") -> Group:
    changes: dict[str, Any] = {}
    for one in fields(group):  # type: ignore[arg-type]
        current, name = getattr(group, one.name), prefix + _ros_name(one)
        if is_dataclass(current):
            changes[one.name] = _filled(current, values, f"{name}.")
        elif name in values:
            # ROS gives arrays.
            changes[one.name] = tuple(values[name]) if isinstance(current, tuple) else values[name]
    return replace(group, **changes)  # type: ignore[type-var]


def declare_parameters(node: Node) -> None:
    """Declare all parameters on a node, with their descriptions and ranges."""
    for name, parameter in PARAMETERS.items():
        default = parameter.default
        value = list(default) if isinstance(default, tuple) else default
        node.declare_parameter(name, value, parameter.descriptor())


def unknown_parameters(node: Node) -> list[str]:
    """Return a line for each parameter that was given at the start and does not exist.

    ROS ignores these silently. Parameters of quality of service are declared later and do not count.
    """
    unknown = [name for name in _undeclared(node) if not name.startswith(_QOS)]
    return [f"parameter {name} does not exist and is ignored{_suggestion(name)}" for name in unknown]


def unused_qos(node: Node) -> list[str]:
    """Return a line for each parameter of quality of service that no topic of an active node has taken."""
    unused = [name for name in _undeclared(node) if name.startswith(_QOS)]
    return [
        f"parameter {name} is ignored: give the full name of a topic of this node, after remapping, then "
        "`publisher` or `subscription` and a policy; rclpy fixes that of /clock"
        for name in unused
    ]


def _undeclared(node: Node) -> list[str]:
    # rclpy offers no public way to ask; a version without this field reports nothing.
    return [name for name in getattr(node, "_parameter_overrides", {}) if not node.has_parameter(name)]


def _suggestion(name: str) -> str:
    close = get_close_matches(name, PARAMETERS, 1)
    return f"; did you mean {close[0]}?" if close else ""


def read_parameters(node: Node) -> Parameters:
    """Return the node's values. Raises ParameterError naming each value that is not allowed."""
    return typed(_values(node))


def watch_parameters(
    node: Node, is_configured: Callable[[], bool], adopt: Callable[[Parameters], None]
) -> None:
    """Accept changes of live parameters at any time, and of the others while the node is unconfigured.

    On a configured node `adopt` takes all values, the changed ones among them, and may refuse them by
    raising ValueError. A refusal names the parameter, what is wrong and what to do.
    """
    node.add_on_set_parameters_callback(partial(_changed, node, is_configured, adopt))


def _changed(
    node: Node,
    is_configured: Callable[[], bool],
    adopt: Callable[[Parameters], None],
    given: Iterable[Any],
) -> SetParametersResult:
    from rcl_interfaces.msg import SetParametersResult

    changes = {one.name: one.value for one in given if one.name in PARAMETERS}
    fixed = [name for name in changes if not PARAMETERS[name].live]
    try:
        check(changes)
        if changes and is_configured():
            if fixed:
                raise ParameterError(
                    f"{', '.join(fixed)}: can change only while the node is unconfigured; "
                    "deactivate and clean up the node first"
                )
            adopt(typed({**_values(node), **changes}))
    except ValueError as error:
        return SetParametersResult(successful=False, reason=str(error))
    return SetParametersResult(successful=True)


def _values(node: Node) -> dict[str, Any]:
    return {name: node.get_parameter(name).value for name in PARAMETERS}


def markdown_table() -> str:
    """Return all parameters as the table that the documents show."""
    lines = ["| parameter | default | allowed | live | |", "| --- | --- | --- | --- | --- |"]
    for one in PARAMETERS.values():
        allowed = f"{one.bounds[0]} .. {one.bounds[1]}" if one.bounds else ", ".join(one.choices)
        live = "yes" if one.live else ""
        lines.append(f"| `{one.name}` | {_shown(one.default)} | {allowed} | {live} | {one.description} |")
    return "\n".join(lines)


def _shown(default: Any) -> str:
    if isinstance(default, tuple):
        return "identity" if default == IDENTITY else ""
    return str(default).lower() if isinstance(default, bool) else str(default)


if __name__ == "__main__":
    print(markdown_table())
