"""Tell subscribers, at each change, which cameras the answers rest on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from types import MappingProxyType

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from rclpy.node import Node

from mtvif_ros import topics
from mtvif_ros.node.qos import LATCHED
from mtvif_ros.node.sight import Loss
from mtvif_ros.pairing.synchronizer import Stream


class Status:
    """Publish a latched DiagnosticStatus; `made` destroys its publisher.

    Its values are `rests_on` (`rgb+ir`, `rgb`, `ir` or nothing) and for `rgb` and `ir` what they are: `used`,
    `silent`, `unreadable`, `still`, `uniform` or, where no answer comes because the node is inactive, nobody
    listens, the mode forbids them or something else is wrong, `idle`.
    """

    def __init__(self, node: Node, made: ExitStack):
        self._name = f"{node.get_fully_qualified_name()}: cameras"
        self._publisher = node.create_publisher(DiagnosticStatus, topics.STATUS, LATCHED)
        made.callback(node.destroy_publisher, self._publisher)
        self._told: object = None

    def tell(
        self,
        left_out: Mapping[Stream, Loss] = MappingProxyType({}),
        awaited: Mapping[Stream, Loss] = MappingProxyType({}),
        is_idle: bool = False,
        is_stuck: bool = False,
    ) -> None:
        """Publish the state if it is another than before.

        Answers go without the cameras `left_out`; without the `awaited` ones there is none. None comes either
        where the node `is_stuck`.
        """
        losses = {**left_out, **awaited}
        other = "idle" if is_idle or awaited or is_stuck else "used"
        cameras = {stream.name.lower(): losses.get(stream, other) for stream in Stream}
        values = {"rests_on": "+".join(name for name, state in cameras.items() if state == "used"), **cameras}
        level, message = _summed_up(values["rests_on"], awaited, is_idle, "idle" in cameras.values())
        if (values, message) == self._told:
            return
        self._told = values, message
        self._publisher.publish(
            DiagnosticStatus(
                level=level,
                name=self._name,
                message=message,
                values=[KeyValue(key=key, value=value) for key, value in values.items()],
            )
        )


def _summed_up(rests_on: str, awaited: Iterable[Stream], is_idle: bool, is_stuck: bool) -> tuple[bytes, str]:
    if is_idle:
        return DiagnosticStatus.OK, "idle"
    if names := " and ".join(stream.name.lower() for stream in awaited):
        return DiagnosticStatus.STALE, f"waiting for {names}"
    if is_stuck:
        return DiagnosticStatus.STALE, "no answers come: /diagnostics says why"
    if not rests_on:
        return DiagnosticStatus.STALE, "no camera sees"
    return (
        (DiagnosticStatus.OK, "both cameras")
        if "+" in rests_on
        else (DiagnosticStatus.WARN, f"{rests_on} alone")
    )
