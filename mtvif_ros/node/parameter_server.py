"""Keep the parameters on a ROS node: declare them, read them, and accept or refuse changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, Any

from mtvif_ros.command_line import in_short
from mtvif_ros.node.parameter_declaration import filled
from mtvif_ros.node.parameters import PARAMETERS, Parameters

if TYPE_CHECKING:
    from rcl_interfaces.msg import SetParametersResult
    from rclpy.node import Node

_QOS = "qos_overrides."
OF_THE_MODEL = ("classes", "palette")
"""Parameters that the node sets from the model file."""


class ParameterError(ValueError):
    """Name the parameters whose values the node refuses, and say why."""


def typed(values: Mapping[str, Any]) -> Parameters:
    """Return values given by ROS name, the others at their defaults.

    Raises ParameterError naming each value that is not allowed.
    """
    check(values)
    return filled(Parameters(), values)


def check(values: Mapping[str, Any]) -> None:
    """Raise ParameterError naming each value, by ROS name, that is not allowed."""
    problems = [PARAMETERS[name].problem_with(value) for name, value in values.items()]
    if any(problems):
        raise ParameterError("; ".join(problem for problem in problems if problem))


def declare_parameters(node: Node) -> None:
    """Declare all parameters on a node, with their descriptions and ranges."""
    for name, parameter in PARAMETERS.items():
        default = parameter.default
        value = list(default) if isinstance(default, tuple) else default
        node.declare_parameter(name, value, parameter.descriptor())


def unknown_parameters(node: Node) -> list[str]:
    """Return a line for each parameter that was given at the start and does not exist.

    ROS ignores these silently. Parameters of quality of service and those that the model file decides are
    declared later and do not count.
    """
    unknown = [name for name in _undeclared(node) if not name.startswith(_QOS) and name not in OF_THE_MODEL]
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
    except Exception as error:  # rclpy would end the node
        return SetParametersResult(successful=False, reason=f"{', '.join(changes)}: {in_short(error)}")
    return SetParametersResult(successful=True)


def _values(node: Node) -> dict[str, Any]:
    return {name: node.get_parameter(name).value for name in PARAMETERS}
