"""Let fields of dataclasses declare ROS parameters, and derive names, checks and descriptors from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from mtvif_ros.imaging.registration import IDENTITY

if TYPE_CHECKING:
    from rcl_interfaces.msg import ParameterDescriptor

Value = TypeVar("Value", bool, int, float, str, tuple[float, ...], tuple[str, ...])
Group = TypeVar("Group")


@dataclass(frozen=True)
class Parameter:
    """Describe one parameter.

    `bounds` are inclusive. `choices` lists the allowed texts, where they are few; `read` raises ValueError
    for any other value that is not allowed. A `live` parameter may change at any time, the others only
    while the node is unconfigured.
    """

    name: str
    default: Any
    description: str
    bounds: tuple[float, float] | None
    choices: tuple[str, ...]
    live: bool
    read: Callable[[Any], object] | None

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


def parameter(
    default: Value,
    description: str,
    bounds: tuple[float, float] | None = None,
    choices: tuple[str, ...] = (),
    live: bool = False,
    read: Callable[[Any], object] | None = None,
) -> Value:
    """Return a dataclass field that declares a parameter; `Parameter` explains the arguments.

    The field names the parameter: `slop` in a group, itself a dataclass, in the field `sync` is `sync.slop`.
    A group's `metadata={"name": …}` takes the place of its field's name.
    """
    one = Parameter("", default, description, bounds, choices, live, read)
    declaration: Value = field(default=default, metadata={"parameter": one})
    return declaration


def declared(group: Any) -> dict[str, Parameter]:
    """Return the parameters that a dataclass and the groups in it declare, by ROS name."""
    return {one.name: one for one in _declared(group, "")}


def _declared(group: Any, prefix: str) -> Iterator[Parameter]:
    for one in fields(group):
        name = prefix + _ros_name(one)
        if "parameter" in one.metadata:
            yield replace(one.metadata["parameter"], name=name)
        else:
            yield from _declared(getattr(group, one.name), f"{name}.")


def _ros_name(one: Field[Any]) -> str:
    return str(one.metadata.get("name", one.name))


def filled(group: Group, values: Mapping[str, Any], prefix: str = "") -> Group:
    """Return a group with values given by ROS name, unchecked, in place of its own."""
    changes: dict[str, Any] = {}
    for one in fields(group):  # type: ignore[arg-type]
        current, name = getattr(group, one.name), prefix + _ros_name(one)
        if is_dataclass(current):
            changes[one.name] = filled(current, values, f"{name}.")
        elif name in values:
            # ROS gives arrays.
            changes[one.name] = tuple(values[name]) if isinstance(current, tuple) else values[name]
    return replace(group, **changes)  # type: ignore[type-var]


def markdown_tables(parameters: Mapping[str, Parameter]) -> str:
    """Return parameters as the documents show them: a table of the fixed ones and one of the live ones."""
    fixed = [_row(one) for one in parameters.values() if not one.live]
    live = [_row(one) for one in parameters.values() if one.live]
    head = ["", "| parameter | default | allowed | |", "|---|---|---|---|"]
    return "\n".join(["## Fixed", *head, *fixed, "", "## Live", *head, *live])


def _row(one: Parameter) -> str:
    allowed = f"{one.bounds[0]}..{one.bounds[1]}" if one.bounds else ", ".join(one.choices)
    return f"| `{one.name}` | {_shown(one.default)} | {allowed} | {one.description} |"


def _shown(default: Any) -> str:
    if isinstance(default, tuple):
        return "identity" if default == IDENTITY else ""
    return str(default).lower() if isinstance(default, bool) else str(default)
